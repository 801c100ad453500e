-- The end of a signed outflow that must no longer be sent: a void transaction, which pays nobody,
-- takes its nonce or its inputs. Its row then moves here, and its order may get another outflow.
-- depends: 0053-outflow-attempts 0061-settlement-leases

ALTER TABLE outflows ADD COLUMN void_requested_at timestamptz,
  ADD CHECK (void_requested_at IS NULL OR raw IS NOT NULL);
GRANT UPDATE (void_requested_at) ON outflows TO swapgate_admin;

-- A candidate that voids the others spends what they spend and pays nobody.
ALTER TABLE outflow_replacements ADD COLUMN voids boolean NOT NULL DEFAULT false;
GRANT INSERT (voids), DELETE ON outflow_replacements TO swapgate_settlement;

CREATE TABLE voided_outflows (
  intention bigint PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  kind text NOT NULL,
  network text NOT NULL,
  asset text NOT NULL,
  address text NOT NULL,
  amount numeric(38, 18) NOT NULL,
  nonce bigint,
  tx_ids text[] NOT NULL, -- everything that was signed, oldest first
  mined_tx_id text NOT NULL, -- the void transaction, or the one that failed on its chain
  fee numeric(38, 18), -- as in `outflows`
  fee_paid numeric(38, 18),
  intended_at timestamptz NOT NULL,
  void_requested_at timestamptz,
  voided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  resend_requested_at timestamptz
);
CREATE INDEX voided_outflows_order ON voided_outflows (order_id);
CREATE UNIQUE INDEX voided_outflows_nonce ON voided_outflows (network, nonce);
GRANT SELECT, INSERT ON voided_outflows TO swapgate_settlement;
GRANT SELECT, UPDATE (resend_requested_at) ON voided_outflows TO swapgate_admin;

-- A signed outflow is deleted only in the statement that keeps it as voided; the same holds for
-- what replaced it.
CREATE FUNCTION outflow_is_kept() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM public.voided_outflows v
      WHERE v.order_id = OLD.order_id AND OLD.tx_id = ANY (v.tx_ids)) THEN
    RAISE EXCEPTION 'what was signed stays';
  END IF;
  RETURN OLD;
END
$$;
DROP TRIGGER outflow_is_signed_for_good ON outflows;
CREATE TRIGGER outflow_is_kept BEFORE DELETE ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NOT NULL) EXECUTE FUNCTION outflow_is_kept();
CREATE TRIGGER replacement_is_kept BEFORE DELETE ON outflow_replacements
  FOR EACH ROW EXECUTE FUNCTION outflow_is_kept();

DROP TRIGGER outflow_is_cancelled ON outflows;
CREATE TRIGGER outflow_is_cancelled AFTER DELETE ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NULL) EXECUTE FUNCTION outflow_is_cancelled();

-- A voided outflow unlocks its order: a refund that was never recorded goes back on hold, for
-- another decision. It still counts towards its day's sum, which contains fees that were paid.
CREATE FUNCTION outflow_is_voided() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders o SET version = o.version + 1, state = 'held', choice = 'NONE'
    WHERE o.id = OLD.order_id AND o.state = 'refunding';
  IF FOUND THEN
    DELETE FROM public.emergency_choices c WHERE c.order_id = OLD.order_id;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER outflow_is_voided AFTER DELETE ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NOT NULL) EXECUTE FUNCTION outflow_is_voided();
DROP TRIGGER order_is_unlocked ON outflows;
CREATE TRIGGER order_is_unlocked AFTER DELETE ON outflows
  FOR EACH ROW WHEN (OLD.raw IS NULL) EXECUTE FUNCTION order_is_unlocked();

-- An outflow of an order that is final already is another one in place of a voided one.
CREATE OR REPLACE FUNCTION outflow_is_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text;
  resent boolean;
BEGIN
  SELECT o.state INTO found FROM public.orders o WHERE o.id = NEW.order_id;
  SELECT count(*) > 0 AND bool_and(v.resend_requested_at IS NOT NULL) INTO resent
    FROM public.voided_outflows v WHERE v.order_id = NEW.order_id AND v.kind = NEW.kind;
  IF (NEW.kind, found) NOT IN (('payout', 'paying_out'), ('refund', 'refunding'))
    AND NOT (resent AND (NEW.kind, found) IN (('payout', 'completed'), ('refund', 'refunded'))) THEN
    RAISE EXCEPTION 'an order that is % cannot be %', found,
      CASE NEW.kind WHEN 'payout' THEN 'paid out' ELSE 'refunded' END;
  END IF;
  RETURN NULL;
END
$$;
