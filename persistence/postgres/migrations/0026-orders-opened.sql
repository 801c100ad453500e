-- What orders promise is put down once for all orders of a statement: reserves in the order of their
-- assets, then the day, lest two statements that open many wait for each other's rows.
-- depends: 0024-deleted-orders

DROP TRIGGER order_opened ON orders;
DROP FUNCTION order_opened;

CREATE FUNCTION orders_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  promise record;
  cap numeric;
  exceeded boolean;
BEGIN
  FOR promise IN
    SELECT destination AS asset, sum(destination_amount + network_fee) AS amount
    FROM opened GROUP BY destination ORDER BY destination
  LOOP
    UPDATE public.reserves r SET promised = r.promised + promise.amount
      WHERE r.asset = promise.asset
      RETURNING r.promised > r.amount INTO exceeded;
    IF exceeded THEN
      RAISE EXCEPTION 'reserve exceeded';
    END IF;
  END LOOP;
  SELECT daily_cap_usd INTO cap FROM public.operator_settings;
  IF cap IS NOT NULL THEN
    INSERT INTO public.daily_volume AS d (day, usd)
      SELECT public.utc_day(created_at), sum(worth_usd) FROM opened
      GROUP BY public.utc_day(created_at) ORDER BY public.utc_day(created_at)
      ON CONFLICT (day) DO UPDATE SET usd = d.usd + EXCLUDED.usd;
    IF EXISTS (SELECT FROM public.daily_volume d
        WHERE d.usd > cap AND d.day IN (SELECT public.utc_day(created_at) FROM opened)) THEN
      RAISE EXCEPTION 'daily cap exceeded';
    END IF;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER orders_opened AFTER INSERT ON orders
  REFERENCING NEW TABLE AS opened
  FOR EACH STATEMENT EXECUTE FUNCTION orders_opened();
