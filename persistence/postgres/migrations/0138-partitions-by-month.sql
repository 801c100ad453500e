-- The audit trails become partitioned by month, and functions create the partitions of coming months.
-- depends: 0137-proven-bounds-of-first-partitions

-- Creates and attaches an empty partition like `template`: with its unique indexes, options, triggers
-- and checks. No role has rights to a partition: everybody reads and writes the whole table. A foreign
-- key between two partitioned tables is one between partitions of the same month.
CREATE PROCEDURE create_partition(parent text, suffix text, template text, bounds text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  child CONSTANT text := parent || '_' || suffix;
  source CONSTANT regclass := ('public.' || quote_ident(template))::regclass;
  detail text;
  referenced text;
BEGIN
  EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', child, template);
  SELECT array_to_string(c.reloptions, ', ') INTO detail FROM pg_class c WHERE c.oid = source;
  IF detail <> '' THEN
    EXECUTE format('ALTER TABLE public.%I SET (%s)', child, detail);
  END IF;
  FOR detail IN
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = source AND NOT t.tgisinternal
  LOOP
    EXECUTE replace(detail, format(' ON public.%I ', template), format(' ON public.%I ', child));
  END LOOP;
  FOR detail, referenced IN
    SELECT pg_get_constraintdef(f.oid), i.inhparent::regclass::text || '_' || suffix
    FROM pg_constraint f JOIN pg_inherits i ON i.inhrelid = f.confrelid
    WHERE f.conrelid = source AND f.contype = 'f'
  LOOP
    EXECUTE format('ALTER TABLE public.%I ADD %s', child,
      regexp_replace(detail, 'REFERENCES [^(]+\(', format('REFERENCES public.%I (', referenced)));
  END LOOP;
  EXECUTE format(
    'ALTER TABLE public.%I ATTACH PARTITION public.%I %s', parent, child, bounds);
END
$$;

-- Makes a table that 0136 has bounded the first partition of a new table of its name, which has its
-- columns, indexes, triggers, rights and foreign keys. Unique indexes without the key remain those of
-- each partition (docs/decisions/0172).
CREATE PROCEDURE partition_by_month(name text, key text)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  source CONSTANT regclass := ('public.' || quote_ident(name))::regclass;
  first CONSTANT text := name || '_first';
  ends text;
  statements text[];
  one text;
BEGIN
  SELECT substring(pg_get_constraintdef(c.oid) FROM '''([0-9a-f-]{36})''') INTO ends
  FROM pg_constraint c WHERE c.conrelid = source AND c.conname = first;

  -- All that the new table gets, as text with the present names.
  SELECT array_agg(definition ORDER BY part, definition) INTO statements FROM (
    SELECT 1 AS part, CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
      ELSE format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', name, c.conname,
        pg_get_constraintdef(c.oid)) END AS definition
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = source
      AND c.contype IN ('p', 'u')
    WHERE i.indrelid = source AND (NOT i.indisunique OR EXISTS (
      SELECT FROM pg_attribute a
      WHERE a.attrelid = source AND a.attname = key AND a.attnum = ANY (i.indkey)))
    UNION ALL
    SELECT 2, format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', name, c.conname,
      pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.confrelid
    WHERE c.conrelid = source AND c.contype = 'f' AND NOT r.relispartition
    UNION ALL
    SELECT 3, pg_get_triggerdef(t.oid)
    FROM pg_trigger t WHERE t.tgrelid = source AND NOT t.tgisinternal
    UNION ALL
    SELECT 4, format('GRANT %s ON public.%I TO %I', a.privilege_type, name, g.rolname)
    FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles g ON g.oid = a.grantee
    WHERE c.oid = source AND a.grantee <> c.relowner
    UNION ALL
    SELECT 4, format('GRANT %s (%I) ON public.%I TO %I', p.privilege_type, a.attname, name,
      g.rolname)
    FROM pg_attribute a, aclexplode(a.attacl) p JOIN pg_roles g ON g.oid = p.grantee
    WHERE a.attrelid = source
  ) AS all_of_them;

  EXECUTE format('ALTER TABLE public.%I RENAME TO %I', name, first);
  FOR one IN SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = source LOOP
    EXECUTE format('ALTER INDEX public.%I RENAME TO %I', one,
      first || substr(one, length(name) + 1));
  END LOOP;

  EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL EXCLUDING INDEXES)'
    ' PARTITION BY RANGE (%I)', name, first, key);
  EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', name, first);
  FOREACH one IN ARRAY statements LOOP
    EXECUTE one;
  END LOOP;
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (MINVALUE)'
    ' TO (%L)', name, first, ends);
  EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', first, first);
  FOR one IN
    SELECT DISTINCT g.rolname::text FROM pg_roles g WHERE g.oid IN (
      SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a
      WHERE c.oid = source AND a.grantee <> c.relowner
      UNION SELECT p.grantee FROM pg_attribute a, aclexplode(a.attacl) p WHERE a.attrelid = source)
  LOOP
    EXECUTE format('REVOKE ALL ON public.%I FROM %I', first, one);
  END LOOP;

  -- An insert never fails for want of a month. `doctor` looks whether it holds anything.
  CALL public.create_partition(name, 'default', first, 'DEFAULT');
  EXECUTE format('GRANT SELECT ON public.%I TO swapgate_admin', name || '_default');
END
$$;

-- Creates one partition that is missing up to three months ahead, and returns its name; NULL if none
-- is, or if another session holds a lock for longer than statements can wait. It has no parameters, and is the only function that runs as the owner of the tables: nobody else
-- can attach a partition (docs/decisions/0172). While it waits for a lock, statements wait behind it.
CREATE FUNCTION create_next_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '500ms'
SET default_tablespace = ''
SET default_table_access_method = 'heap' AS $$
DECLARE
  parent text;
  month timestamp;
  starts uuid;
  ends uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('swapgate partitions'));
  FOR month IN
    SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)
    FROM generate_series(0, 3) AS ahead
  LOOP
    starts := public.first_id_at(month AT TIME ZONE 'UTC');
    ends := public.first_id_at((month + interval '1 month') AT TIME ZONE 'UTC');
    -- Referenced tables first.
    FOREACH parent IN ARRAY ARRAY['audit_log', 'operator_actions', 'operator_action_outcomes',
      'webhook_events', 'webhook_attempts']
    LOOP
      CONTINUE WHEN EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
          pg_get_expr(c.relpartbound, c.oid) AS bounds
        WHERE i.inhparent = ('public.' || quote_ident(parent))::regclass
          AND coalesce(substring(bounds FROM 'FROM \(''([0-9a-f-]+)')::uuid <= starts, true)
          AND substring(bounds FROM 'TO \(''([0-9a-f-]+)')::uuid >= ends);
      BEGIN
        CALL public.create_partition(parent, to_char(month, 'YYYY_MM'), parent || '_default',
          format('FOR VALUES FROM (%L) TO (%L)', starts, ends));
        RETURN parent || '_' || to_char(month, 'YYYY_MM');
      EXCEPTION
        -- Rows of this month, or those that they belong to, are in the default partition and remain
        -- there: `doctor` shows it.
        WHEN check_violation OR undefined_table THEN
          RAISE WARNING '% already has rows of %', parent, to_char(month, 'YYYY-MM');
        WHEN lock_not_available THEN
          RETURN NULL;
      END;
    END LOOP;
  END LOOP;
  RETURN NULL;
END
$$;

REVOKE EXECUTE ON PROCEDURE create_partition, partition_by_month FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION create_next_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_next_partition TO swapgate_settlement;

CALL partition_by_month('audit_log', 'id');
CALL partition_by_month('operator_actions', 'id');
CALL partition_by_month('operator_action_outcomes', 'action_id');
