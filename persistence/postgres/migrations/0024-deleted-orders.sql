-- An order's user may delete it once it is finished. The gateway may not write orders, so it calls
-- this, which can do nothing else. One whose deposit isn't confirmed may yet need a choice: it stays.
-- depends: 0023-house-partner

CREATE FUNCTION delete_order(wanted uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.orders SET deleted_at = now()
  WHERE id = wanted AND deleted_at IS NULL
    AND state IN ('completed', 'expired', 'cancelled', 'refunded')
    AND NOT EXISTS (
      SELECT FROM public.deposits d WHERE d.order_id = wanted AND d.confirmed_at IS NULL);
  RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION delete_order FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_order TO swapgate_gateway;
