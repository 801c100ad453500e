-- The time of an inserted order's change is a default instead of a trigger's: called for each row,
-- the trigger took a twentieth of the time of an insert.
-- depends: 0120-notified-sandbox-steps

-- The lock of `order_changes` (0109), and then the time. It has no settings of its own, so that it
-- is inlined; whoever changes orders may call it.
CREATE FUNCTION order_change_time() RETURNS timestamptz
LANGUAGE sql VOLATILE
RETURN CASE
  WHEN pg_advisory_xact_lock_shared(
    (21319::bigint << 44) | (extract(epoch FROM now()) * 1000)::bigint - 1) IS NULL THEN NULL
  ELSE clock_timestamp()
END;

ALTER TABLE orders ALTER COLUMN changed_at SET DEFAULT order_change_time();

CREATE OR REPLACE FUNCTION order_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.changed_at := public.order_change_time();
  RETURN NEW;
END
$$;
DROP TRIGGER order_changes ON orders;
CREATE TRIGGER order_changes BEFORE UPDATE OF updated_at ON orders
  FOR EACH ROW EXECUTE FUNCTION order_changes();
