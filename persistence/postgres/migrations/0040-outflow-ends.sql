-- Other ends of an outflow than the plain one: an intention that is taken back while nothing is
-- signed, and a transaction that takes the place of one whose fee was too low.
-- depends: 0039-connected-assets

-- Tells intentions for one order apart: a signature made for one never goes into another.
ALTER TABLE outflows ADD COLUMN intention bigint GENERATED ALWAYS AS IDENTITY,
  ADD COLUMN settled_tx_id text,
  ADD CHECK (settled_tx_id IS NULL OR settled_at IS NOT NULL);

CREATE TABLE cancelled_outflows (
  intention bigint PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  kind text NOT NULL,
  network text NOT NULL,
  asset text NOT NULL,
  address text NOT NULL,
  amount numeric(38, 18) NOT NULL,
  nonce bigint,
  intended_at timestamptz NOT NULL,
  cancelled_at timestamptz NOT NULL
);

CREATE TRIGGER outflow_is_signed_for_good BEFORE DELETE ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NOT NULL) EXECUTE FUNCTION outflow_is_signed_once();

-- What is taken back is kept here, whoever takes it back, and counts no more in its day's sum.
CREATE FUNCTION outflow_is_cancelled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.cancelled_outflows (intention, order_id, kind, network, asset, address, amount,
    nonce, intended_at, cancelled_at)
  VALUES (OLD.intention, OLD.order_id, OLD.kind, OLD.network, OLD.asset, OLD.address, OLD.amount,
    OLD.nonce, OLD.intended_at, clock_timestamp());
  UPDATE public.daily_outflow SET usd = greatest(usd - OLD.usd, 0)
    WHERE day = public.utc_day(OLD.intended_at);
  RETURN NULL;
END
$$;
CREATE TRIGGER outflow_is_cancelled AFTER DELETE ON outflows
  FOR EACH ROW EXECUTE FUNCTION outflow_is_cancelled();

-- Each pays the same and spends what the first one spends (its inputs, or its nonce), so that the
-- chain takes one of them. It stands here before it is broadcast, and stays.
CREATE TABLE outflow_replacements (
  order_id uuid NOT NULL REFERENCES outflows (order_id),
  number integer NOT NULL CHECK (number > 0),
  network text NOT NULL REFERENCES networks (name),
  tx_id text NOT NULL,
  raw text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (order_id, number),
  UNIQUE (network, tx_id)
);

-- A payout whose order was opened at a fixed rate that has come to be worth much more than what came
-- in: the rate is what the gateway wrote, so a person has to let it go.
CREATE TABLE outflow_permits (
  order_id uuid PRIMARY KEY REFERENCES orders (id),
  permitted_at timestamptz NOT NULL DEFAULT now()
);

GRANT DELETE, UPDATE (settled_tx_id) ON outflows TO swapgate_settlement;
GRANT SELECT ON cancelled_outflows, outflow_replacements TO swapgate_settlement, swapgate_admin;
GRANT INSERT (order_id, number, network, tx_id, raw) ON outflow_replacements
  TO swapgate_settlement;
GRANT SELECT ON outflow_permits TO swapgate_settlement;
GRANT SELECT, INSERT, UPDATE ON outflow_permits TO swapgate_admin;
