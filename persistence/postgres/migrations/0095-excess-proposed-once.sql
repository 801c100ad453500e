-- The refund of an order's excess is proposed once: its id follows from that of the order.
-- depends: 0094-address-reuse

-- A UUID of version 8 (RFC 9562, 5.8) with the time of the order's, so that it is listed in its place.
CREATE OR REPLACE FUNCTION excess_is_refunded() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  excess numeric;
  newest text;
BEGIN
  SELECT sum(d.amount) - NEW.source_amount, (array_agg(d.tx_id ORDER BY d.position DESC))[1]
    INTO excess, newest
    FROM public.deposits d WHERE d.order_id = NEW.id AND NOT d.late AND NOT d.dropped;
  IF excess > 0 AND NOT (SELECT s.sandbox FROM public.operator_settings s) THEN
    INSERT INTO public.proposals (id, kind, subject, document, usd, needs_second, reason,
      proposed_by, proposed_at, approved_by, approved_at)
    SELECT (left(NEW.id::text, 14) || '8' || substr(md5('excess:' || NEW.id), 1, 3) || 'a'
        || substr(md5('excess:' || NEW.id), 4, 15))::uuid,
      'refund_deposit', 'excess:' || NEW.id, jsonb_build_object(
        'network', a.network, 'txId', newest, 'orderId', NEW.id, 'asset', a.code,
        'amount', trim_scale(excess)::text, 'payInAddress', NEW.pay_in_address,
        'address', NEW.refund_address, 'tag', NULL, 'isExcess', true),
      round(NEW.worth_usd * excess / NEW.source_amount, 2), false,
      'the excess of a fixed rate is refunded', 'swapgate', NEW.updated_at,
      'swapgate', NEW.updated_at
    FROM public.assets a WHERE a.code = NEW.source
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$$;
