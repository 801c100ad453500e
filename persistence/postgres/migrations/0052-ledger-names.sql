-- Standard names for the ledger: an earnings period ends by a payout or by an earnings reset, and
-- changes of payout details are requested or canceled. Nothing changes but names. Postings keep the account
-- `clearings`, because the ledger is append-only.
-- depends: 0050-deposit-names 0051-webhook-names

-- Stored lifetime totals are named so: the earnings of a period are a difference of two of them.
ALTER TABLE earnings_closings RENAME TO earnings_periods;
ALTER TABLE earnings_periods RENAME COLUMN kind TO ended_by;
ALTER TABLE earnings_periods RENAME COLUMN closed_at TO period_end;
ALTER TABLE earnings_periods RENAME COLUMN markup_usd TO total_markup_usd;
ALTER TABLE earnings_periods RENAME COLUMN base_fee_share_usd TO total_base_fee_share_usd;
ALTER TABLE earnings_closing_codes RENAME TO earnings_period_codes;
ALTER TABLE earnings_period_codes RENAME COLUMN closing_id TO period_id;
ALTER TABLE earnings_period_codes RENAME COLUMN markup_usd TO total_markup_usd;
ALTER TABLE partner_totals RENAME COLUMN cleared_usd TO reset_usd;

COMMENT ON TABLE earnings_periods IS
  'Periods that ended, numbered per partner from 1 without gaps (domain/ledger/payouts.py).';
COMMENT ON COLUMN earnings_periods.total_markup_usd IS
  'Lifetime total at the end of the period, as total_base_fee_share_usd and those of codes.';
COMMENT ON COLUMN earnings_periods.event_id IS
  'The webhook event, or NULL if the partner does not subscribe to it.';
COMMENT ON COLUMN partner_totals.reset_usd IS
  'What earnings resets have subtracted from the balance without payment.';

-- Constraints and indexes carry the name of their table or column.
DO $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT conrelid::regclass AS relation, conname AS name FROM pg_constraint
    WHERE conname ~ '^earnings_closing(_code)?s_'
  LOOP
    EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', old.relation, old.name,
      replace(replace(replace(replace(replace(replace(old.name,
        'closing_codes', 'period_codes'), 'closings', 'periods'), 'closing_id', 'period_id'),
        'kind', 'ended_by'), 'closed_at', 'period_end'), '_markup', '_total_markup'));
  END LOOP;
END
$$;

-- The tables are immutable: only the owner can suspend the trigger, and only in this transaction.
ALTER TABLE earnings_periods DROP CONSTRAINT earnings_periods_ended_by_check;
ALTER TABLE earnings_periods DROP CONSTRAINT earnings_periods_check1;
ALTER TABLE earnings_periods DISABLE TRIGGER closings_are_final;
UPDATE earnings_periods SET ended_by = 'reset' WHERE ended_by = 'clearing';
ALTER TABLE earnings_periods ENABLE TRIGGER closings_are_final;
ALTER TABLE earnings_periods
  ADD CONSTRAINT earnings_periods_ended_by_check CHECK (ended_by IN ('payout', 'reset')),
  ADD CONSTRAINT earnings_periods_amount_check CHECK (ended_by = 'reset' OR amount_usd > 0);

CREATE OR REPLACE FUNCTION closings_are_final() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a payout or earnings reset is final';
END
$$;
ALTER FUNCTION closings_are_final RENAME TO earnings_periods_are_final;
ALTER TRIGGER closings_are_final ON earnings_periods RENAME TO earnings_periods_are_final;
ALTER TRIGGER closings_are_final ON earnings_period_codes RENAME TO earnings_periods_are_final;

-- The only way to reduce what a partner is owed, so that the operator's role needs no write access to
-- the ledger. Returns false, without any change, if the number is not the partner's next one or the
-- reference is in use. The partner's row is locked first, so that each later statement sees what
-- concurrent calls have committed.
DROP FUNCTION close_earnings;
CREATE FUNCTION end_earnings_period(
  period uuid, partner uuid, period_number integer, period_ended_by text, amount numeric,
  payout_reference text, started_at timestamptz, at timestamptz,
  total_markup numeric, total_base_fee_share numeric, code_ids uuid[], code_markups numeric[],
  event uuid, event_type text, event_key text, event_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  enqueued boolean;
BEGIN
  PERFORM FROM public.partners WHERE id = partner FOR NO KEY UPDATE;
  IF period_number <> 1 + (SELECT count(*) FROM public.earnings_periods WHERE partner_id = partner)
    OR EXISTS (SELECT FROM public.earnings_periods
      WHERE partner_id = partner AND reference = payout_reference)
  THEN
    RETURN false;
  END IF;
  IF amount > (SELECT coalesce(sum(markup_usd + base_fee_share_usd - paid_usd - reset_usd), 0)
      FROM public.partner_totals WHERE partner_id = partner) THEN
    RAISE EXCEPTION 'more than the partner is owed';
  END IF;
  enqueued := public.enqueue_webhook_event(event, partner, event_type, event_key, event_body, at);
  INSERT INTO public.earnings_periods
    (id, partner_id, number, ended_by, amount_usd, reference, period_start, period_end,
     total_markup_usd, total_base_fee_share_usd, event_id)
  VALUES (period, partner, period_number, period_ended_by, amount, payout_reference, started_at, at,
    total_markup, total_base_fee_share, CASE WHEN enqueued THEN event END);
  INSERT INTO public.earnings_period_codes (period_id, code_id, total_markup_usd)
  SELECT period, * FROM unnest(code_ids, code_markups);
  IF amount > 0 THEN
    INSERT INTO public.ledger_postings
      (transaction_id, position, account, partner_id, amount, created_at)
    VALUES (period, 1, 'settled_earnings', partner, -amount, at),
      (period, 2, CASE period_ended_by WHEN 'payout' THEN 'payouts' ELSE 'clearings' END, partner,
       amount, at);
  END IF;
  RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION end_earnings_period FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_earnings_period TO swapgate_admin;

CREATE OR REPLACE FUNCTION sum_earnings_of_partners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.partner_totals AS t
    (partner_id, part, volume_usd, markup_usd, base_fee_share_usd, paid_usd, reset_usd)
  SELECT partner_id, public.counter_part(),
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
    reset_usd = t.reset_usd + EXCLUDED.reset_usd;
  INSERT INTO public.partner_days AS t
    (partner_id, day, part, completed, volume_usd, markup_usd, base_fee_share_usd)
  SELECT partner_id, public.utc_day(created_at), public.counter_part(),
    count(*) FILTER (WHERE account = 'customer_deposits'),
    coalesce(-sum(amount) FILTER (WHERE account = 'customer_deposits'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'markup'), 0),
    coalesce(sum(amount) FILTER (WHERE account = 'base_fee_share'), 0)
  FROM posted
  WHERE partner_id IS NOT NULL AND currency = 'USD'
    AND account IN ('customer_deposits', 'markup', 'base_fee_share')
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (partner_id, day, part) DO UPDATE SET
    completed = t.completed + EXCLUDED.completed,
    volume_usd = t.volume_usd + EXCLUDED.volume_usd,
    markup_usd = t.markup_usd + EXCLUDED.markup_usd,
    base_fee_share_usd = t.base_fee_share_usd + EXCLUDED.base_fee_share_usd;
  RETURN NULL;
END
$$;

-- The partner of orders that nobody referred. Its e-mail address stays, as operators' scripts use it.
UPDATE partners SET name = 'Default partner'
WHERE id = '00000000-0000-0000-0000-000000000001' AND name = 'The house';

-- Requests to change payout details. They take effect a day after `at`, which must be now; pending
-- details are canceled. The partner's row is locked, so that of two concurrent requests the later
-- one remains.
ALTER TABLE payout_details RENAME COLUMN asked_by TO requested_by;
ALTER TABLE payout_details RENAME COLUMN asked_at TO requested_at;
ALTER TABLE payout_details RENAME COLUMN cancelled_by TO canceled_by;
ALTER TABLE payout_details RENAME COLUMN cancelled_at TO canceled_at;
DROP FUNCTION ask_payout_details;
CREATE FUNCTION request_payout_details(
  details uuid, partner uuid, asset_code text, pay_to text, pay_to_tag text, member_email text,
  at timestamptz, event uuid, event_key text, event_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF at NOT BETWEEN clock_timestamp() - interval '1 minute'
      AND clock_timestamp() + interval '1 minute' THEN
    RAISE EXCEPTION 'the clocks of gateway and database differ by more than a minute';
  END IF;
  PERFORM FROM public.partners WHERE id = partner FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE public.payout_details SET canceled_at = at, canceled_by = member_email
  WHERE partner_id = partner AND effective_at > at AND canceled_at IS NULL;
  INSERT INTO public.payout_details
    (id, partner_id, asset, address, tag, requested_by, requested_at, effective_at)
  VALUES (details, partner, asset_code, pay_to, pay_to_tag, member_email, at,
    at + interval '24 hours');
  PERFORM public.enqueue_payout_details_event(event, partner, event_key, event_body, at);
  RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION request_payout_details FROM PUBLIC;
GRANT EXECUTE ON FUNCTION request_payout_details TO swapgate_gateway;

-- Cancels pending details; false if they are in effect, canceled or another partner's.
DROP FUNCTION withdraw_payout_details;
CREATE FUNCTION cancel_payout_details(
  details uuid, partner uuid, member_email text, at timestamptz, event uuid, event_key text,
  event_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.payout_details SET canceled_at = clock_timestamp(), canceled_by = member_email
  WHERE id = details AND partner_id = partner AND canceled_at IS NULL
    AND effective_at > clock_timestamp();
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM public.enqueue_payout_details_event(event, partner, event_key, event_body, at);
  RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION cancel_payout_details FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_payout_details TO swapgate_gateway;

CREATE OR REPLACE FUNCTION payout_details_stay() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payout details are immutable, except that pending ones can be canceled';
END
$$;
ALTER FUNCTION payout_details_stay RENAME TO payout_details_are_immutable;
ALTER TRIGGER payout_details_stay ON payout_details RENAME TO payout_details_are_immutable;
ALTER TRIGGER payout_details_stay_all ON payout_details
  RENAME TO payout_details_are_not_deleted;
