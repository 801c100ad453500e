-- The marker that settlement keeps outside of the database has the timeline too: a former primary that is
-- started again, after another server was promoted, may lack nothing that the marker shows, but payments.
-- depends: 0127-valkey-primaries

CREATE OR REPLACE FUNCTION issued_marker() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT jsonb_build_object(
    'history', h.history, 'synchronous', h.synchronous, 'timeline', h.timeline,
    'order', (SELECT o.id FROM public.orders o ORDER BY o.id DESC LIMIT 1),
    'accounts', (
      SELECT coalesce(jsonb_object_agg(a.network, jsonb_build_object(
        'account', encode(sha256(convert_to(a.kind || ':' || a.public_key, 'UTF8')), 'hex'),
        'nextIndex', a.next_index)), '{}')
      FROM public.pay_in_accounts a))
  FROM public.database_history h
$$;

CREATE OR REPLACE FUNCTION history_problem(marker jsonb, marker_is_known boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE
    WHEN h.problem IS NOT NULL THEN h.problem
    WHEN h.system_identifier <> i.system_identifier OR h.database_oid <> i.database_oid
        OR h.xmin::text::bigint <> h.confirmed_xid % 4294967296
      THEN 'it was restored from a dump, or copied'
    WHEN marker ->> 'history' = h.history::text AND (marker ->> 'timeline')::integer > i.timeline
      THEN 'it is of a former primary: another server was promoted, which has newer writes'
    WHEN lost.what IS NOT NULL THEN 'it was put back to an earlier state: ' || lost.what
    WHEN h.timeline > i.timeline THEN 'it was put back to an earlier timeline'
    WHEN h.server_started_at = i.server_started_at THEN NULL
    WHEN NOT marker_is_known THEN 'waiting'
    WHEN h.timeline < i.timeline AND NOT (
        h.synchronous AND coalesce(
          marker ->> 'history' = h.history::text AND (marker ->> 'synchronous')::boolean, false))
      THEN 'a standby was promoted, or a backup was recovered, and the newest orders may be lost'
  END
  FROM public.database_history h, public.database_identity() i,
    (SELECT public.lost_since(marker) AS what) AS lost
$$;
