-- The operator can close an approved refund of a deposit that is not sent, and raise its cost bound.
-- depends: 0074-signature-v2

GRANT UPDATE (closed_at) ON proposals TO swapgate_admin;
ALTER TABLE outflow_cost_bounds DROP CONSTRAINT outflow_cost_bounds_order_id_fkey;
COMMENT ON COLUMN outflow_cost_bounds.order_id IS 'The order; of a deposit_refund, its proposal.';

-- The trigger below locks the proposal when an outflow is written: one of the two statements sees
-- the other's row.
CREATE OR REPLACE FUNCTION proposal_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.approved_at IS NOT NULL AND OLD.closed_at IS NULL
    AND NEW.closed_at IS NOT NULL
    AND to_jsonb(NEW) - 'closed_at' = to_jsonb(OLD) - 'closed_at'
    AND NOT EXISTS (SELECT FROM public.outflows w WHERE w.order_id = OLD.id) THEN
    RETURN NEW;
  END IF;
  IF TG_OP <> 'UPDATE' OR OLD.approved_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
    OR NEW.closed_at IS NOT NULL THEN
    RAISE EXCEPTION 'a proposal is decided once, and stays';
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION outflow_is_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found_state text;
BEGIN
  IF NEW.kind = 'deposit_refund' THEN
    PERFORM FROM public.proposals p
      WHERE p.id = NEW.order_id AND p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL
        AND p.closed_at IS NULL
        AND (p.document ->> 'network', p.document ->> 'asset', p.document ->> 'address')
          = (NEW.network, NEW.asset, NEW.address)
        AND (p.document ->> 'tag') IS NOT DISTINCT FROM NEW.tag
        AND NEW.amount < (p.document ->> 'amount')::numeric
      FOR SHARE;
    IF NOT FOUND OR (public.due_after_void(NEW.order_id) IS NULL AND EXISTS (
        SELECT FROM public.voided_outflows v WHERE v.order_id = NEW.order_id)) THEN
      RAISE EXCEPTION 'the refund of a deposit is not approved like this';
    END IF;
    RETURN NULL;
  END IF;
  SELECT o.state INTO found_state FROM public.orders o WHERE o.id = NEW.order_id;
  IF found_state IS NULL OR (
    (NEW.kind, found_state) NOT IN (('payout', 'paying_out'), ('refund', 'refunding'))
    AND NOT (found_state IN ('completed', 'refunded')
      AND public.due_after_void(NEW.order_id) IS NOT DISTINCT FROM NEW.kind)) THEN
    RAISE EXCEPTION 'an order that is % cannot be %', coalesce(found_state, 'unknown'),
      CASE NEW.kind WHEN 'payout' THEN 'paid out' ELSE 'refunded' END;
  END IF;
  RETURN NULL;
END
$$;
