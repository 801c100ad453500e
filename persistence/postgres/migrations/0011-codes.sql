-- How many codes a partner may have, whoever adds them and however many at once; and what each code
-- has brought, kept as sums, because counting a million orders at each look would take too long.
-- depends: 0010-generations

-- A code too many is not stored, and no error is raised. The count sees what others have committed
-- while this waited for the partner's row: each statement of a volatile function looks anew.
CREATE FUNCTION room_for_code() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  most integer;
BEGIN
  SELECT max_codes INTO most FROM partners WHERE id = NEW.partner_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM codes WHERE partner_id = NEW.partner_id) >= most THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER room_for_code BEFORE INSERT ON codes
  FOR EACH ROW EXECUTE FUNCTION room_for_code();

-- A code's sums stand in several rows, one for each group of database sessions, so that the orders
-- of a busy code don't wait for each other.
CREATE TABLE code_totals (
  code_id uuid NOT NULL REFERENCES codes (id),
  part smallint NOT NULL,
  orders bigint NOT NULL DEFAULT 0,
  volume_usd numeric NOT NULL DEFAULT 0,
  earnings_usd numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (code_id, part)
) WITH (fillfactor = 70);

CREATE FUNCTION part_of_session() RETURNS smallint
LANGUAGE sql STABLE AS $$ SELECT (pg_backend_pid() % 16)::smallint $$;

-- In the order of ids, lest two statements wait for each other's rows.
CREATE FUNCTION count_orders_of_codes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  INSERT INTO code_totals AS t (code_id, part, orders)
  SELECT code_id, part_of_session(), count(*) FROM opened
  WHERE code_id IS NOT NULL GROUP BY code_id ORDER BY code_id
  ON CONFLICT (code_id, part) DO UPDATE SET orders = t.orders + EXCLUDED.orders;
  RETURN NULL;
END
$$;
CREATE TRIGGER count_orders_of_codes AFTER INSERT ON orders
  REFERENCING NEW TABLE AS opened
  FOR EACH STATEMENT EXECUTE FUNCTION count_orders_of_codes();

INSERT INTO code_totals (code_id, part, orders)
SELECT code_id, 0, count(*) FROM orders WHERE code_id IS NOT NULL GROUP BY code_id;

GRANT SELECT ON code_totals TO swapgate_gateway, swapgate_settlement, swapgate_admin;
