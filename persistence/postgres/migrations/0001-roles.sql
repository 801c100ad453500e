-- The three roles of the installation. Grants follow in each migration, beside the tables.
-- depends:

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['swapgate_gateway', 'swapgate_settlement', 'swapgate_admin'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN', name);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO swapgate_gateway, swapgate_settlement, swapgate_admin;
