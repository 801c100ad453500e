-- What partners attach to orders, tags of refunds, confirmations of deposits that are not confirmed
-- yet, and which networks are test networks for those who show links to block explorers.
-- depends: 0081-function-owners

-- `metadata` is a JSON object as text: it is only ever returned as it was sent.
ALTER TABLE orders
  ADD COLUMN external_id text CHECK (length(external_id) BETWEEN 1 AND 64),
  ADD COLUMN metadata text CHECK (octet_length(metadata) <= 16384),
  ADD COLUMN refund_tag text CHECK (length(refund_tag) BETWEEN 1 AND 256);
GRANT INSERT (external_id, metadata, refund_tag) ON orders TO swapgate_gateway;

-- A choice may bring the tag that the refund needs. It can only be added, never replaced: the
-- refund address stays as it was when the order was created.
ALTER TABLE emergency_choices ADD COLUMN refund_tag text
  CHECK (refund_tag IS NULL OR (length(refund_tag) BETWEEN 1 AND 256 AND choice = 'REFUND'));
GRANT INSERT (refund_tag) ON emergency_choices TO swapgate_gateway;
GRANT SELECT (refund_tag), UPDATE (refund_tag) ON orders TO swapgate_functions_orders;

CREATE OR REPLACE FUNCTION emergency_is_chosen_for() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders SET version = version + 1, updated_at = now(),
    refund_tag = coalesce(refund_tag, NEW.refund_tag)
  WHERE id = NEW.order_id AND state = 'held';
  IF NOT FOUND THEN
    RETURN NULL; -- it is no longer held: there is nothing to choose
  END IF;
  RETURN NEW;
END
$$;

-- Only what is unconfirmed is counted. Whoever writes it also writes the order's row, so that
-- those who cache orders notice (docs/decisions/0074).
ALTER TABLE deposits ADD COLUMN confirmations integer NOT NULL DEFAULT 0
  CHECK (confirmations >= 0);
GRANT UPDATE (confirmations) ON deposits TO swapgate_settlement;

GRANT SELECT (network, test_network) ON chains TO swapgate_gateway;
CREATE TRIGGER catalogue_changed AFTER UPDATE OF test_network ON chains
  FOR EACH ROW WHEN (OLD.test_network IS DISTINCT FROM NEW.test_network)
  EXECUTE FUNCTION catalogue_changed();
