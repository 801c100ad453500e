-- Lists of orders by external id and by the time of their last change, complete for those who page
-- through them while orders change (docs/decisions/0147).
-- depends: 0108-order-references

-- By the database's clock, unlike updated_at; null before this migration, where updated_at counts.
ALTER TABLE orders ADD COLUMN changed_at timestamptz;

-- A change has a time before it is committed, so whoever reads up to "now" might miss it for good.
-- The transaction therefore holds a lock, shared with nobody, whose key is the time at which it
-- began, in milliseconds, until its changes are visible. The lock comes before the time.
CREATE FUNCTION order_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(
    (21319::bigint << 44) | (extract(epoch FROM now()) * 1000)::bigint - 1);
  NEW.changed_at := clock_timestamp();
  RETURN NEW;
END
$$;
CREATE TRIGGER order_changes BEFORE INSERT OR UPDATE OF updated_at ON orders
  FOR EACH ROW EXECUTE FUNCTION order_changes();

-- All changes before this time are visible to the statements that begin after this one. The time of
-- the statement precedes its look at the locks.
CREATE FUNCTION orders_complete_until() RETURNS timestamptz
LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp
RETURN (
  SELECT least(statement_timestamp(), to_timestamp(min(
    ((l.classid::bigint & 4095) << 32 | l.objid::bigint) / 1000.0)))
  FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint >> 12 = 21319
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()));

CREATE INDEX orders_changed ON orders (partner_id, coalesce(changed_at, updated_at), id)
  WHERE deleted_at IS NULL;
CREATE INDEX orders_external_id ON orders (partner_id, external_id, id)
  WHERE external_id IS NOT NULL;

REVOKE EXECUTE ON FUNCTION orders_complete_until FROM PUBLIC;
GRANT EXECUTE ON FUNCTION orders_complete_until TO swapgate_gateway, swapgate_admin;
