-- Which assets settlement takes in and pays out on real chains, as it tells itself when it starts.
-- Outside the sandbox nothing else is swapped: who paid in would wait for a payout nobody makes.
-- depends: 0036-payout-details

CREATE TABLE connected_assets (
  asset text PRIMARY KEY REFERENCES assets (code),
  receives boolean NOT NULL,
  sends boolean NOT NULL
);
-- For each row: settlement says it again and again, and mostly nothing changes.
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON connected_assets
  FOR EACH ROW EXECUTE FUNCTION catalogue_changed();

GRANT SELECT ON connected_assets TO swapgate_gateway, swapgate_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON connected_assets TO swapgate_settlement;
