-- Standard names for webhooks: circuit breakers with half-open trials, events that are enqueued, and
-- response bodies. Nothing changes but names.
-- depends: 0047-definer-search-path

ALTER TABLE webhook_circuits RENAME TO webhook_circuit_breakers;
ALTER TABLE webhook_circuit_breakers RENAME COLUMN window_began_at TO window_started_at;
ALTER TABLE webhook_circuit_breakers RENAME COLUMN probe_at TO half_open_at;
ALTER TABLE webhook_circuit_breakers RENAME COLUMN probed_at TO trial_started_at;
ALTER TABLE webhook_circuit_breakers RENAME COLUMN failed_probes TO failed_trials;
ALTER INDEX webhook_circuits_pkey RENAME TO webhook_circuit_breakers_pkey;
COMMENT ON TABLE webhook_circuit_breakers IS
  'One row per endpoint that has recently failed or been slow (domain/webhooks/circuit_breaker.py).';
COMMENT ON COLUMN webhook_circuit_breakers.half_open_at IS
  'While open: when the next half-open trial is due.';
COMMENT ON COLUMN webhook_circuit_breakers.trial_started_at IS
  'When the last trial was claimed, so that there is one at a time.';

ALTER TABLE webhook_attempts RENAME COLUMN answer TO response_body;

COMMENT ON COLUMN partners.webhook_gone_at IS
  'When webhook_url responded 410 Gone: nothing is sent to it since; NULL while events are sent.';

-- A notification takes a lock that every commit of the database waits for, from before the commit is
-- written to disk until after. So there are at most five per second; a relay that has been woken
-- keeps polling for a while. The time of the last one is stored in a sequence, which waits for no
-- transaction.
ALTER SEQUENCE webhook_events_told_ms RENAME TO webhook_events_notified_ms;
CREATE OR REPLACE FUNCTION webhook_events_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  now_ms bigint := extract(epoch FROM clock_timestamp()) * 1000;
BEGIN
  IF now_ms - (SELECT last_value FROM public.webhook_events_notified_ms) NOT BETWEEN 0 AND 199 THEN
    PERFORM setval('public.webhook_events_notified_ms', now_ms);
    PERFORM pg_notify('webhook_events', '');
  END IF;
  RETURN NULL;
END
$$;
ALTER FUNCTION webhook_events_added RENAME TO notify_webhook_events;
ALTER TRIGGER webhook_events_added ON webhook_events RENAME TO notify_webhook_events;

-- The circuit breaker of another URL starts closed.
CREATE OR REPLACE FUNCTION forget_webhook_circuit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM public.webhook_circuit_breakers WHERE partner_id = NEW.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION forget_webhook_circuit RENAME TO reset_webhook_circuit_breaker;
ALTER TRIGGER forget_webhook_circuit ON partners RENAME TO reset_webhook_circuit_breaker;

-- Another URL, or other subscriptions, end the suspension after 410 Gone.
ALTER FUNCTION webhook_is_back RENAME TO clear_webhook_gone;
ALTER TRIGGER webhook_is_back ON partners RENAME TO clear_webhook_gone;

ALTER FUNCTION tell_partner RENAME TO enqueue_webhook_event;
ALTER FUNCTION send_test_event RENAME TO enqueue_test_event;
ALTER FUNCTION tell_of_payout_details RENAME TO enqueue_payout_details_event;

-- Functions that call those two by name are replaced by themselves with the new names, whatever
-- earlier migrations have made of them.
DO $$
DECLARE
  definition text;
BEGIN
  FOR definition IN
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND p.prosrc ~ 'public\.(tell_partner|tell_of_payout_details)\('
  LOOP
    definition := replace(definition, 'public.tell_partner(', 'public.enqueue_webhook_event(');
    EXECUTE replace(
      definition, 'public.tell_of_payout_details(', 'public.enqueue_payout_details_event(');
  END LOOP;
END
$$;
