-- Whether this database is the one that settlement last confirmed, with nothing lost since: no copy, no
-- dump that was restored, no standby without the newest changes. Otherwise no pay-in address is assigned
-- and no payment is signed.
-- depends: 0122-retired-addresses

-- `history` is another one after each restore that the operator dealt with. `problem` states why the
-- database is on hold. `confirmed_xid` is the transaction that wrote the row: in a restored row `xmin`
-- is another. A server that was started again may have been put back to an earlier state.
CREATE TABLE database_history (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  history uuid NOT NULL,
  system_identifier bigint NOT NULL,
  database_oid oid NOT NULL,
  timeline integer NOT NULL,
  synchronous boolean NOT NULL,
  server_started_at timestamptz NOT NULL,
  confirmed_xid bigint NOT NULL,
  confirmed_at timestamptz NOT NULL DEFAULT now(),
  problem text
);
GRANT SELECT ON database_history
  TO swapgate_gateway, swapgate_settlement, swapgate_admin, swapgate_functions_chains;
GRANT INSERT, UPDATE, DELETE ON database_history TO swapgate_functions_chains;

CREATE FUNCTION database_identity() RETURNS TABLE (
  system_identifier bigint, database_oid oid, server_started_at timestamptz, timeline integer,
  synchronous boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.system_identifier, d.oid, pg_postmaster_start_time(),
    -- pg_control_checkpoint() has the timeline of the last checkpoint, which a promotion precedes
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer,
    current_setting('synchronous_standby_names') <> ''
      AND current_setting('synchronous_commit') NOT IN ('off', 'local')
  FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()
$$;

-- True also before the first confirmation. Statements evaluate it once, whatever they insert.
CREATE FUNCTION database_is_confirmed() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT NOT EXISTS (
    SELECT FROM public.database_history h
    WHERE h.problem IS NOT NULL OR h.server_started_at <> pg_postmaster_start_time()
      OR h.database_oid <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      OR h.xmin::text::bigint <> h.confirmed_xid % 4294967296)
$$;

-- What was issued: the newest order, and the next index of each account. Settlement keeps it outside of
-- the database. The account is named by a hash, since extended public keys show all payments.
CREATE FUNCTION issued_marker() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT jsonb_build_object(
    'history', h.history, 'synchronous', h.synchronous,
    'order', (SELECT o.id FROM public.orders o ORDER BY o.id DESC LIMIT 1),
    'accounts', (
      SELECT coalesce(jsonb_object_agg(a.network, jsonb_build_object(
        'account', encode(sha256(convert_to(a.kind || ':' || a.public_key, 'UTF8')), 'hex'),
        'nextIndex', a.next_index)), '{}')
      FROM public.pay_in_accounts a))
  FROM public.database_history h
$$;

-- What a marker of this history shows and the database lacks; null for nothing.
CREATE FUNCTION lost_since(marker jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE
    WHEN marker ->> 'order' IS NOT NULL
        AND NOT EXISTS (SELECT FROM public.orders o WHERE o.id = (marker ->> 'order')::uuid)
      THEN 'order ' || (marker ->> 'order') || ' is missing'
    ELSE (
      SELECT 'addresses of ' || was.network || ' were derived up to index '
        || (was.account ->> 'nextIndex')
      FROM jsonb_each(marker -> 'accounts') AS was (network, account)
      JOIN jsonb_each(public.issued_marker() -> 'accounts') AS now_ (network, account)
        USING (network)
      WHERE was.account ->> 'account' = now_.account ->> 'account'
        AND (was.account ->> 'nextIndex')::bigint > (now_.account ->> 'nextIndex')::bigint
      ORDER BY was.network LIMIT 1)
  END
  FROM public.database_history h WHERE marker ->> 'history' = h.history::text
$$;

-- Why a database that was confirmed before, and is not now, is on hold; null if it is not, and
-- 'waiting' if only the marker can tell, which could not be read.
CREATE FUNCTION history_problem(marker jsonb, marker_is_known boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE
    WHEN h.problem IS NOT NULL THEN h.problem
    WHEN h.system_identifier <> i.system_identifier OR h.database_oid <> i.database_oid
        OR h.xmin::text::bigint <> h.confirmed_xid % 4294967296
      THEN 'it was restored from a dump, or copied'
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

-- Settlement calls it at its start and every second. Returns the status and the marker to keep.
CREATE FUNCTION confirm_database(marker jsonb, marker_is_known boolean) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text;
BEGIN
  IF NOT EXISTS (SELECT FROM public.database_history) THEN
    INSERT INTO public.database_history (history, system_identifier, database_oid, timeline,
        synchronous, server_started_at, confirmed_xid)
      SELECT gen_random_uuid(), i.system_identifier, i.database_oid, i.timeline,
        i.synchronous, i.server_started_at, pg_current_xact_id()::text::bigint
      FROM public.database_identity() i
      ON CONFLICT (only_row) DO NOTHING;
  END IF;
  found := public.history_problem(marker, marker_is_known);
  IF found = 'waiting' THEN
    RETURN jsonb_build_object('status', 'waiting');
  END IF;
  IF found IS NOT NULL THEN
    UPDATE public.database_history SET problem = found WHERE problem IS NULL;
    RETURN jsonb_build_object('status', 'on hold', 'problem', found);
  END IF;
  UPDATE public.database_history h
    SET timeline = i.timeline, synchronous = i.synchronous, server_started_at = i.server_started_at,
      confirmed_xid = pg_current_xact_id()::text::bigint, confirmed_at = now()
    FROM public.database_identity() i
    WHERE h.problem IS NULL AND (h.timeline, h.synchronous, h.server_started_at)
      IS DISTINCT FROM (i.timeline, i.synchronous, i.server_started_at);
  RETURN jsonb_build_object('status', 'confirmed', 'marker', public.issued_marker());
END
$$;

-- The operator puts the database on hold before dealing with a restore, also one that nobody detected.
CREATE FUNCTION hold_database(reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM public.confirm_database(NULL, true);
  UPDATE public.database_history SET problem = reason WHERE problem IS NULL;
  RETURN true;
END
$$;

-- Accepts the database as it is, with another history: what was lost is no longer searched for.
CREATE FUNCTION accept_database() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM public.database_history;
  PERFORM public.confirm_database(NULL, true);
  RETURN true;
END
$$;

-- No payment is intended on a database that settlement has not confirmed: it may be one that
-- was sent already.
CREATE FUNCTION outflow_has_its_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT public.database_is_confirmed() THEN
    RAISE EXCEPTION 'outflow is off: the history of the database is not confirmed';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER outflow_has_its_history BEFORE INSERT ON outflows
  FOR EACH ROW EXECUTE FUNCTION outflow_has_its_history();

CALL set_function_owner('public.confirm_database(jsonb, boolean)'::regprocedure, 'chains');
CALL set_function_owner('public.hold_database(text)'::regprocedure, 'chains');
CALL set_function_owner('public.accept_database()'::regprocedure, 'chains');
GRANT SELECT (id) ON orders TO swapgate_functions_chains;
GRANT SELECT (network, kind, public_key, next_index) ON pay_in_accounts TO swapgate_functions_chains;
REVOKE EXECUTE ON FUNCTION database_identity, issued_marker, lost_since, history_problem,
  confirm_database, hold_database, accept_database, database_is_confirmed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issued_marker, lost_since TO swapgate_functions_chains, swapgate_admin;
GRANT EXECUTE ON FUNCTION database_identity, history_problem TO swapgate_functions_chains;
GRANT EXECUTE ON FUNCTION confirm_database TO swapgate_settlement, swapgate_functions_chains;
GRANT EXECUTE ON FUNCTION hold_database, accept_database TO swapgate_admin;
GRANT EXECUTE ON FUNCTION database_is_confirmed
  TO swapgate_gateway, swapgate_settlement, swapgate_admin;
