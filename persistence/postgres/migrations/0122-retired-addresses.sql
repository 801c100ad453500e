-- Pay-in addresses that no order gets any more: on a restored database they may belong to orders that it
-- does not know. Deposits to them are recorded for the operator.
-- depends: 0121-time-of-inserted-orders

CREATE TABLE retired_pay_in_addresses (
  network text NOT NULL REFERENCES networks (name),
  address text NOT NULL,
  tag text,
  derivation_index bigint NOT NULL,
  retired_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (network, address, tag)
);
GRANT SELECT ON retired_pay_in_addresses TO swapgate_gateway, swapgate_settlement, swapgate_admin;
GRANT INSERT (network, address, tag, derivation_index) ON retired_pay_in_addresses TO swapgate_admin;

-- Whoever adds addresses, by derivation or by import: a retired one is skipped.
CREATE FUNCTION address_is_not_retired() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (
      SELECT FROM public.retired_pay_in_addresses r
      WHERE r.network = NEW.network AND r.address = NEW.address
        AND r.tag IS NOT DISTINCT FROM NEW.tag) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER address_is_not_retired BEFORE INSERT ON pay_in_addresses
  FOR EACH ROW EXECUTE FUNCTION address_is_not_retired();

ALTER TABLE unclaimed_deposits ALTER COLUMN order_id DROP NOT NULL;
COMMENT ON COLUMN unclaimed_deposits.order_id IS 'The order that has the address; null if it is retired.';
