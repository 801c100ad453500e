-- Regions where the operator does not offer swaps; a quote for one of them states it.
-- depends: 0081-function-owners

CREATE TABLE restricted_regions (
  region text PRIMARY KEY CHECK (region ~ '^[A-Z]{2}$')
);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON restricted_regions
  FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();

GRANT SELECT ON restricted_regions TO swapgate_gateway, swapgate_settlement;
GRANT SELECT, INSERT, DELETE ON restricted_regions TO swapgate_admin;
