-- Tables that only grow are partitioned by month, through the time in their ids. What exists becomes the
-- first partition, which ends with the next month: this states it, the next migration proves it of the
-- rows that exist, and 0138 and 0139 attach the tables, so that no row is copied or read under a lock.
-- depends: 0130-order-traces 0133-index-of-settled-outflows

DO $$
DECLARE
  ends uuid := public.first_id_at(
    date_trunc('month', now() AT TIME ZONE 'UTC' + interval '2 months') AT TIME ZONE 'UTC');
  name text;
  key text;
  found boolean;
BEGIN
  -- An id that is not of a time, or of a wrong one: then the first partition never ends.
  FOREACH name IN ARRAY ARRAY['audit_log', 'operator_actions', 'webhook_events'] LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I WHERE id >= $1)', name) INTO found USING ends;
    IF found THEN
      ends := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    END IF;
  END LOOP;
  FOR name, key IN VALUES
    ('audit_log', 'id'),
    ('operator_actions', 'id'),
    ('operator_action_outcomes', 'action_id'),
    ('webhook_events', 'id'),
    ('webhook_attempts', 'event_id')
  LOOP
    EXECUTE format(
      'ALTER TABLE public.%1$I ADD CONSTRAINT %1$s_first CHECK (%2$I < %3$L::uuid) NOT VALID',
      name, key, ends);
  END LOOP;
END
$$;
