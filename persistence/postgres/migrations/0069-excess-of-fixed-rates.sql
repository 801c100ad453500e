-- What exceeds the agreed amount of an order at a fixed rate is settled at the worse of two rates, or
-- sent back, as the operator decides.
-- depends: 0070-voided-outflow-decisions

ALTER TABLE operator_settings ADD COLUMN fixed_excess text NOT NULL DEFAULT 'worse_rate'
  CHECK (fixed_excess IN ('worse_rate', 'refund'));

-- Once the agreed amount is paid out, what was received beyond it is due to the refund address. All
-- other orders were priced for everything that they received, so that nothing remains of it.
-- The operator's setting approved it: it needs nobody's decision. A sandbox has nothing to send.
CREATE FUNCTION excess_is_refunded() RETURNS trigger
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
    SELECT gen_random_uuid(), 'refund_deposit', 'excess:' || NEW.id, jsonb_build_object(
        'network', a.network, 'txId', newest, 'orderId', NEW.id, 'asset', a.code,
        'amount', trim_scale(excess)::text, 'payInAddress', NEW.pay_in_address,
        'address', NEW.refund_address, 'tag', NULL, 'isExcess', true),
      round(NEW.worth_usd * excess / NEW.source_amount, 2), false,
      'the excess of a fixed rate is refunded', 'swapgate', NEW.updated_at,
      'swapgate', NEW.updated_at
    FROM public.assets a WHERE a.code = NEW.source;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER excess_is_refunded AFTER UPDATE OF state ON orders
  FOR EACH ROW WHEN (OLD.state = 'paying_out' AND NEW.state = 'completed'
    AND NEW.rate_type = 'fixed')
  EXECUTE FUNCTION excess_is_refunded();
