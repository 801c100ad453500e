-- Functions that run as their owner no longer look for tables in pg_temp first. With a path of
-- `public` alone PostgreSQL searches pg_temp before it, so that a caller's temporary table stood in
-- for ours, and the caller's trigger on it ran with the owner's rights. Names are qualified as well,
-- and no role but the owner may create temporary tables at all.
-- depends: 0046-next-addresses

CREATE OR REPLACE FUNCTION catalogue_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.revisions SET revision = revision + 1 WHERE topic = 'catalogue';
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION partner_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.revisions SET revision = revision + 1 WHERE topic = 'partners'
    RETURNING revision INTO NEW.revision;
  RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION code_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.partners SET revision = 0 WHERE id = NEW.partner_id;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION order_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before numeric := CASE WHEN public.is_open(OLD.state)
    THEN OLD.destination_amount + OLD.network_fee ELSE 0 END;
  after numeric := CASE WHEN public.is_open(NEW.state)
    THEN NEW.destination_amount + NEW.network_fee ELSE 0 END;
  paid numeric := CASE WHEN NEW.state = 'completed' AND OLD.state <> 'completed'
    THEN NEW.destination_amount + NEW.network_fee ELSE 0 END;
  counted integer := public.came_to_nothing(OLD.state)::integer
    - public.came_to_nothing(NEW.state)::integer;
BEGIN
  IF before <> after OR paid <> 0 THEN
    UPDATE public.reserves
      SET promised = promised + after - before, amount = greatest(amount - paid, 0)
      WHERE asset = NEW.destination;
  END IF;
  IF counted <> 0 THEN
    UPDATE public.daily_volume SET usd = usd + counted * NEW.worth_usd
      WHERE day = public.utc_day(NEW.created_at);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION room_for_code() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  maximum integer;
BEGIN
  SELECT max_codes INTO maximum FROM public.partners WHERE id = NEW.partner_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM public.codes WHERE partner_id = NEW.partner_id) >= maximum THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;

DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
