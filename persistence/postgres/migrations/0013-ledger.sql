-- The ledger: double entry, append-only. What an order has earned is posted by the statement that
-- completes it, in a transaction that goes by the order's id.
-- depends: 0011-codes 0012-emergencies

CREATE TABLE ledger_postings (
  transaction_id uuid NOT NULL,
  position smallint NOT NULL,
  account text NOT NULL CHECK (account ~ '^[a-z][a-z_]{2,39}$'),
  partner_id uuid REFERENCES partners (id),
  code_id uuid REFERENCES codes (id),
  order_id uuid REFERENCES orders (id),
  amount numeric NOT NULL
    CHECK (amount <> 0 AND abs(amount) < 'Infinity' AND scale(amount) <= 18),
  currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (transaction_id, position)
);
CREATE INDEX ledger_postings_partner ON ledger_postings (partner_id, created_at);
CREATE INDEX ledger_postings_order ON ledger_postings (order_id);

-- When a transaction commits, so that its postings may come one by one.
CREATE FUNCTION ledger_balances() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (
    SELECT FROM public.ledger_postings WHERE transaction_id = NEW.transaction_id
    GROUP BY currency HAVING sum(amount) <> 0
  ) THEN
    RAISE EXCEPTION 'the postings of a transaction sum to zero in each currency';
  END IF;
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_postings
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger_balances();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: post the opposite instead';
END
$$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_postings
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- As the count of a code's orders in 0011-codes.sql.
CREATE FUNCTION sum_earnings_of_codes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.code_totals AS t (code_id, part, volume_usd, earnings_usd)
  SELECT code_id, public.part_of_session(),
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0)
  FROM posted
  WHERE code_id IS NOT NULL AND currency = 'USD' AND account IN ('customer_deposits', 'markup')
  GROUP BY code_id ORDER BY code_id
  ON CONFLICT (code_id, part) DO UPDATE SET
    volume_usd = t.volume_usd + EXCLUDED.volume_usd,
    earnings_usd = t.earnings_usd + EXCLUDED.earnings_usd;
  RETURN NULL;
END
$$;
CREATE TRIGGER sum_earnings_of_codes AFTER INSERT ON ledger_postings
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION sum_earnings_of_codes();

-- False for what was completed while no price was known: settlement posts it later.
ALTER TABLE orders ADD COLUMN accrued boolean NOT NULL DEFAULT false;
CREATE INDEX orders_unaccrued ON orders (id) WHERE state = 'completed' AND NOT accrued;

GRANT UPDATE (accrued) ON orders TO swapgate_settlement;
GRANT SELECT, INSERT ON ledger_postings TO swapgate_settlement;
GRANT SELECT ON ledger_postings TO swapgate_gateway, swapgate_admin;
