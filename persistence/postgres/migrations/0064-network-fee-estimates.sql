-- What a payout of an asset costs on its network at the moment, as settlement estimates it. The
-- network fee of new orders follows it, between the operator's number and a multiple of that.
-- depends: 0057-unpaid-caps

CREATE TABLE network_fee_estimates (
  asset text PRIMARY KEY REFERENCES assets (code),
  amount numeric(38, 18) NOT NULL CHECK (amount >= 0),
  estimated_at timestamptz NOT NULL
);
-- Settlement confirms an estimate each time, and mostly its amount stays the same.
CREATE TRIGGER catalogue_changed AFTER INSERT OR DELETE ON network_fee_estimates
  FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER network_fee_estimate_changed AFTER UPDATE ON network_fee_estimates
  FOR EACH ROW WHEN (OLD.amount <> NEW.amount) EXECUTE FUNCTION catalogue_changed();

ALTER TABLE operator_settings
  ADD COLUMN network_fee_margin_bps integer NOT NULL DEFAULT 2000
    CHECK (network_fee_margin_bps BETWEEN 0 AND 50000),
  ADD COLUMN network_fee_max_multiple integer NOT NULL DEFAULT 10
    CHECK (network_fee_max_multiple BETWEEN 1 AND 1000);

GRANT SELECT ON network_fee_estimates TO swapgate_gateway, swapgate_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON network_fee_estimates TO swapgate_settlement;
