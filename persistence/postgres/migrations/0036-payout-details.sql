-- Where partners want their earnings sent. The operator sends them, from these lines: so whoever gets
-- into a cabinet, or into a gateway, must not be able to change them unnoticed. A change waits for a
-- day, by the database's own clock, and can be withdrawn meanwhile; lines are never overwritten.
-- depends: 0035-partner-days

CREATE TABLE payout_details (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partners (id),
  asset text NOT NULL REFERENCES assets (code),
  address text NOT NULL CHECK (length(address) BETWEEN 10 AND 200),
  tag text CHECK (length(tag) BETWEEN 1 AND 256),
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  effective_at timestamptz NOT NULL CHECK (effective_at >= asked_at + interval '24 hours'),
  cancelled_by text,
  cancelled_at timestamptz,
  CHECK ((cancelled_by IS NULL) = (cancelled_at IS NULL)),
  CHECK (cancelled_at < effective_at)
);
CREATE INDEX payout_details_partner ON payout_details (partner_id, effective_at DESC);

CREATE FUNCTION payout_details_stay() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payout details are withdrawn before they take effect, or stay';
END
$$;
CREATE TRIGGER payout_details_stay BEFORE UPDATE ON payout_details
  FOR EACH ROW WHEN (OLD.cancelled_at IS NOT NULL
    OR (OLD.id, OLD.partner_id, OLD.asset, OLD.address, OLD.asked_by, OLD.asked_at,
      OLD.effective_at) <> (NEW.id, NEW.partner_id, NEW.asset, NEW.address, NEW.asked_by,
      NEW.asked_at, NEW.effective_at) OR OLD.tag IS DISTINCT FROM NEW.tag)
  EXECUTE FUNCTION payout_details_stay();
CREATE TRIGGER payout_details_stay_all BEFORE DELETE OR TRUNCATE ON payout_details
  FOR EACH STATEMENT EXECUTE FUNCTION payout_details_stay();

-- Tells a partner of its payout details, if it has a URL and subscribes; nothing else can be told so.
CREATE FUNCTION tell_of_payout_details(
  event uuid, partner uuid, event_key text, event_body bytea, at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF convert_from(event_body, 'UTF8') NOT LIKE '{"event":"payout_details.changed",%' THEN
    RAISE EXCEPTION 'an event of payout details says what it is';
  END IF;
  RETURN public.tell_partner(event, partner, 'payout_details.changed', event_key, event_body, at);
END
$$;
REVOKE EXECUTE ON FUNCTION tell_of_payout_details FROM PUBLIC;

-- Puts new details down, in force a day after `at`, which has to be now; what still waits gives way
-- to them. The partner's row is locked, so that of two at once the later one stands.
CREATE FUNCTION ask_payout_details(
  details uuid, partner uuid, asset_code text, pay_to text, pay_to_tag text, who text,
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
  UPDATE public.payout_details SET cancelled_at = at, cancelled_by = who
  WHERE partner_id = partner AND effective_at > at AND cancelled_at IS NULL;
  INSERT INTO public.payout_details
    (id, partner_id, asset, address, tag, asked_by, asked_at, effective_at)
  VALUES (details, partner, asset_code, pay_to, pay_to_tag, who, at, at + interval '24 hours');
  PERFORM public.tell_of_payout_details(event, partner, event_key, event_body, at);
  RETURN true;
END
$$;

-- Withdraws details that wait; false where they are in force, withdrawn or another partner's.
CREATE FUNCTION withdraw_payout_details(
  details uuid, partner uuid, who text, at timestamptz, event uuid, event_key text, event_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.payout_details SET cancelled_at = clock_timestamp(), cancelled_by = who
  WHERE id = details AND partner_id = partner AND cancelled_at IS NULL
    AND effective_at > clock_timestamp();
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM public.tell_of_payout_details(event, partner, event_key, event_body, at);
  RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION ask_payout_details, withdraw_payout_details FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ask_payout_details, withdraw_payout_details TO swapgate_gateway;
GRANT SELECT ON payout_details TO swapgate_gateway, swapgate_admin;
