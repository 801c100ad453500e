-- What follows a voided outflow: it is sent again, its order is refunded instead, or nothing is sent.
-- Of a voided outflow only the fee of its void counts towards the day's cap.
-- depends: 0067-deposit-refunds

ALTER TABLE voided_outflows
  ADD COLUMN usd numeric CHECK (usd >= 0), -- the fee that was paid; NULL if all still counts
  ADD COLUMN refund_requested_at timestamptz,
  ADD COLUMN closed_at timestamptz,
  ADD CONSTRAINT voided_outflows_decided_once
    CHECK (num_nonnulls(resend_requested_at, refund_requested_at, closed_at) <= 1),
  ADD CONSTRAINT voided_outflows_refund_of_payout
    CHECK (refund_requested_at IS NULL OR kind = 'payout');
GRANT UPDATE (closed_at) ON voided_outflows TO swapgate_admin;
-- Like every other resolution of an order.
GRANT UPDATE (refund_requested_at) ON voided_outflows TO swapgate_settlement;

-- What is sent in place of the newest voided outflow of an order or proposal; NULL for nothing.
CREATE FUNCTION due_after_void(voided_order_id uuid) RETURNS text
LANGUAGE sql STABLE
RETURN (
  SELECT CASE WHEN v.resend_requested_at IS NOT NULL THEN v.kind
    WHEN v.refund_requested_at IS NOT NULL THEN 'refund' END
  FROM public.voided_outflows v WHERE v.order_id = voided_order_id
  ORDER BY v.intention DESC LIMIT 1
);

CREATE OR REPLACE FUNCTION outflow_is_voided() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.daily_outflow d SET usd = greatest(d.usd - OLD.usd + v.usd, 0)
    FROM public.voided_outflows v
    WHERE v.intention = OLD.intention AND v.usd IS NOT NULL
      AND d.day = public.utc_day(OLD.intended_at);
  UPDATE public.orders o SET version = o.version + 1, state = 'held', choice = 'NONE'
    WHERE o.id = OLD.order_id AND o.state = 'refunding';
  IF FOUND THEN
    DELETE FROM public.emergency_choices c WHERE c.order_id = OLD.order_id;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION outflow_is_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text;
BEGIN
  IF NEW.kind = 'deposit_refund' THEN
    IF (public.due_after_void(NEW.order_id) IS NULL AND EXISTS (
        SELECT FROM public.voided_outflows v WHERE v.order_id = NEW.order_id))
      OR NOT EXISTS (
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
    AND NOT (found IN ('completed', 'refunded')
      AND public.due_after_void(NEW.order_id) IS NOT DISTINCT FROM NEW.kind)) THEN
    RAISE EXCEPTION 'an order that is % cannot be %', coalesce(found, 'unknown'),
      CASE NEW.kind WHEN 'payout' THEN 'paid out' ELSE 'refunded' END;
  END IF;
  RETURN NULL;
END
$$;

-- A proposal whose refund was voided and closed leaves its deposit to another proposal.
ALTER TABLE proposals ADD COLUMN closed_at timestamptz,
  ADD CHECK (closed_at IS NULL OR approved_at IS NOT NULL);
DROP INDEX proposals_subject;
CREATE UNIQUE INDEX proposals_subject ON proposals (subject)
  WHERE withdrawn_at IS NULL AND closed_at IS NULL;

CREATE OR REPLACE FUNCTION proposal_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL
    AND to_jsonb(NEW) - 'closed_at' = to_jsonb(OLD) - 'closed_at'
    AND EXISTS (SELECT FROM public.voided_outflows v
      WHERE v.order_id = OLD.id AND v.closed_at IS NOT NULL)
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

CREATE FUNCTION voided_outflow_is_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.proposals p SET closed_at = NEW.closed_at
    WHERE p.id = NEW.order_id AND NEW.kind = 'deposit_refund';
  RETURN NULL;
END
$$;
CREATE TRIGGER voided_outflow_is_closed AFTER UPDATE OF closed_at ON voided_outflows
  FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
  EXECUTE FUNCTION voided_outflow_is_closed();

-- A decision is final, and concerns the newest voided outflow only.
CREATE FUNCTION voided_outflow_is_decided_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF num_nonnulls(OLD.resend_requested_at, OLD.refund_requested_at, OLD.closed_at) > 0 THEN
    RAISE EXCEPTION 'what follows a voided outflow is decided once';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER voided_outflow_is_decided_once BEFORE UPDATE ON voided_outflows
  FOR EACH ROW EXECUTE FUNCTION voided_outflow_is_decided_once();
