-- Settlement is notified of a requested step, instead of looking for one ten times a second. It still
-- looks once a second: a notification may be missed.
-- depends: 0117-test-events

CREATE FUNCTION notify_sandbox_steps() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('sandbox_steps', '');
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION notify_sandbox_steps FROM PUBLIC;

CREATE TRIGGER notify_sandbox_steps AFTER INSERT ON sandbox_steps
FOR EACH ROW EXECUTE FUNCTION notify_sandbox_steps();
