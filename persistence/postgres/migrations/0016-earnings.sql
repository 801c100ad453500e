-- Money owed to partners: what each has earned, was paid and had cleared, kept as sums of the ledger;
-- and the closings of its periods: payouts, and clearings, which begin a new accounting cycle.
-- depends: 0015-webhook-partners

-- In several rows a partner, as code_totals in 0011-codes.sql.
CREATE TABLE partner_totals (
  partner_id uuid NOT NULL REFERENCES partners (id),
  part smallint NOT NULL,
  volume_usd numeric NOT NULL DEFAULT 0,
  markup_usd numeric NOT NULL DEFAULT 0,
  base_fee_share_usd numeric NOT NULL DEFAULT 0,
  paid_usd numeric NOT NULL DEFAULT 0,
  cleared_usd numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (partner_id, part)
) WITH (fillfactor = 70);

CREATE FUNCTION sum_earnings_of_partners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.partner_totals AS t
    (partner_id, part, volume_usd, markup_usd, base_fee_share_usd, paid_usd, cleared_usd)
  SELECT partner_id, public.part_of_session(),
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'payouts'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'clearings'), 0)
  FROM posted WHERE partner_id IS NOT NULL AND currency = 'USD'
  GROUP BY partner_id ORDER BY partner_id
  ON CONFLICT (partner_id, part) DO UPDATE SET
    volume_usd = t.volume_usd + EXCLUDED.volume_usd,
    markup_usd = t.markup_usd + EXCLUDED.markup_usd,
    base_fee_share_usd = t.base_fee_share_usd + EXCLUDED.base_fee_share_usd,
    paid_usd = t.paid_usd + EXCLUDED.paid_usd,
    cleared_usd = t.cleared_usd + EXCLUDED.cleared_usd;
  RETURN NULL;
END
$$;
CREATE TRIGGER sum_earnings_of_partners AFTER INSERT ON ledger_postings
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION sum_earnings_of_partners();

INSERT INTO partner_totals (partner_id, part, volume_usd, markup_usd, base_fee_share_usd)
SELECT partner_id, 0,
  coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
  coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
  coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0)
FROM ledger_postings WHERE partner_id IS NOT NULL AND currency = 'USD' GROUP BY partner_id;

-- A partner's closings are numbered without gaps: of two at once one finds its number taken.
CREATE TABLE earnings_closings (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  number integer NOT NULL CHECK (number > 0),
  kind text NOT NULL CHECK (kind IN ('payout', 'clearing')),
  amount_usd numeric NOT NULL CHECK (amount_usd >= 0 AND amount_usd = round(amount_usd, 2)),
  reference text CHECK (length(reference) BETWEEN 1 AND 200),
  period_start timestamptz NOT NULL,
  closed_at timestamptz NOT NULL,
  markup_usd numeric NOT NULL, -- all that was ever earned by then; so are the next, and of codes
  base_fee_share_usd numeric NOT NULL,
  event_id uuid, -- of the webhook event that told of it; NULL where the partner wasn't told
  UNIQUE (partner_id, number),
  UNIQUE (partner_id, reference),
  CHECK ((kind = 'payout') = (reference IS NOT NULL)),
  CHECK (kind = 'clearing' OR amount_usd > 0),
  CHECK (period_start < closed_at)
);
CREATE TABLE earnings_closing_codes (
  closing_id uuid NOT NULL REFERENCES earnings_closings (id),
  code_id uuid NOT NULL REFERENCES codes (id),
  markup_usd numeric NOT NULL,
  PRIMARY KEY (closing_id, code_id)
);

CREATE FUNCTION closings_are_final() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a payout or clearing is final';
END
$$;
CREATE TRIGGER closings_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON earnings_closings
  FOR EACH STATEMENT EXECUTE FUNCTION closings_are_final();
CREATE TRIGGER closings_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON earnings_closing_codes
  FOR EACH STATEMENT EXECUTE FUNCTION closings_are_final();

-- The one way to take from what a partner is owed, so that the operator's role needs no right to
-- write the ledger. False, and nothing done, where the number isn't the partner's next one or the
-- reference is taken. The partner's row is locked, so that each statement after that sees what
-- whoever came first has committed.
CREATE FUNCTION close_earnings(
  closing uuid, partner uuid, closing_number integer, closing_kind text, amount numeric,
  payout_reference text, started_at timestamptz, at timestamptz,
  markup numeric, base_fee_share numeric, code_ids uuid[], code_markups numeric[],
  event uuid, event_type text, event_key text, event_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  told boolean;
BEGIN
  PERFORM FROM public.partners WHERE id = partner FOR NO KEY UPDATE;
  IF closing_number <> 1 + (SELECT count(*) FROM public.earnings_closings
      WHERE partner_id = partner)
    OR EXISTS (SELECT FROM public.earnings_closings
      WHERE partner_id = partner AND reference = payout_reference)
  THEN
    RETURN false;
  END IF;
  IF amount > (SELECT coalesce(sum(markup_usd + base_fee_share_usd - paid_usd - cleared_usd), 0)
      FROM public.partner_totals WHERE partner_id = partner) THEN
    RAISE EXCEPTION 'more than the partner is owed';
  END IF;
  told := public.tell_partner(event, partner, event_type, event_key, event_body, at);
  INSERT INTO public.earnings_closings
    (id, partner_id, number, kind, amount_usd, reference, period_start, closed_at, markup_usd,
     base_fee_share_usd, event_id)
  VALUES (closing, partner, closing_number, closing_kind, amount, payout_reference, started_at, at,
    markup, base_fee_share, CASE WHEN told THEN event END);
  INSERT INTO public.earnings_closing_codes (closing_id, code_id, markup_usd)
  SELECT closing, * FROM unnest(code_ids, code_markups);
  IF amount > 0 THEN
    INSERT INTO public.ledger_postings
      (transaction_id, position, account, partner_id, amount, created_at)
    VALUES (closing, 1, 'settled_earnings', partner, -amount, at),
      (closing, 2, CASE closing_kind WHEN 'payout' THEN 'payouts' ELSE 'clearings' END, partner,
       amount, at);
  END IF;
  RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION close_earnings FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_earnings TO swapgate_admin;
GRANT SELECT ON partner_totals, earnings_closings, earnings_closing_codes
  TO swapgate_gateway, swapgate_settlement, swapgate_admin;
