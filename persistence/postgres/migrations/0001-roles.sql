-- The three roles of the installation. Grants follow in each migration, beside the tables.
-- depends:

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['swapgate_gateway', 'swapgate_settlement', 'swapgate_admin'] LOOP
    -- Only a missing role is created: an owner of the database may not be permitted to.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I LOGIN', name);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
  END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO swapgate_gateway, swapgate_settlement, swapgate_admin;
