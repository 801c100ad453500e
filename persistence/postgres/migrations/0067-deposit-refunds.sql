-- Settlement sends approved refunds of unexpected deposits: outflows without an order, whose id is
-- that of their proposal.
-- depends: 0065-proposals 0066-outflow-voids

ALTER TABLE proposals DROP COLUMN tx_id;
CREATE OR REPLACE FUNCTION proposal_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.approved_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL THEN
    RAISE EXCEPTION 'a proposal is decided once, and stays';
  END IF;
  RETURN NEW;
END
$$;
GRANT SELECT ON proposals TO swapgate_settlement;

-- What these keys refer to is checked by the trigger below instead: an order, or a proposal.
ALTER TABLE outflows DROP CONSTRAINT outflows_order_id_fkey,
  DROP CONSTRAINT outflows_kind_check,
  ADD CONSTRAINT outflows_kind_check CHECK (kind IN ('payout', 'refund', 'deposit_refund'));
ALTER TABLE cancelled_outflows DROP CONSTRAINT cancelled_outflows_order_id_fkey;
ALTER TABLE voided_outflows DROP CONSTRAINT voided_outflows_order_id_fkey;
ALTER TABLE outflow_attempts DROP CONSTRAINT outflow_attempts_order_id_fkey;
COMMENT ON COLUMN outflows.order_id IS 'The order; of a deposit_refund, its proposal.';

CREATE OR REPLACE FUNCTION outflow_is_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text;
  resent boolean;
  voided boolean;
BEGIN
  SELECT count(*) > 0, coalesce(bool_and(v.resend_requested_at IS NOT NULL), false)
    INTO voided, resent
    FROM public.voided_outflows v WHERE v.order_id = NEW.order_id AND v.kind = NEW.kind;
  IF NEW.kind = 'deposit_refund' THEN
    IF (voided AND NOT resent) OR NOT EXISTS (
      SELECT FROM public.proposals p
      WHERE p.id = NEW.order_id AND p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL
        AND (p.document ->> 'network', p.document ->> 'asset', p.document ->> 'address')
          = (NEW.network, NEW.asset, NEW.address)
        AND (p.document ->> 'tag') IS NOT DISTINCT FROM NEW.tag
        AND NEW.amount < (p.document ->> 'amount')::numeric) THEN
      RAISE EXCEPTION 'the refund of a deposit is not approved like this';
    END IF;
    RETURN NULL;
  END IF;
  SELECT o.state INTO found FROM public.orders o WHERE o.id = NEW.order_id;
  IF found IS NULL OR (
    (NEW.kind, found) NOT IN (('payout', 'paying_out'), ('refund', 'refunding'))
    AND NOT (resent AND (NEW.kind, found) IN (('payout', 'completed'), ('refund', 'refunded')))) THEN
    RAISE EXCEPTION 'an order that is % cannot be %', coalesce(found, 'unknown'),
      CASE NEW.kind WHEN 'payout' THEN 'paid out' ELSE 'refunded' END;
  END IF;
  RETURN NULL;
END
$$;
