-- Addresses of hot wallets, as settlement reports them: those who validate addresses know them as our
-- own. One that is no longer used stays.
-- depends: 0109-changes-of-orders

CREATE TABLE hot_wallets (
  network text NOT NULL REFERENCES networks (name),
  address text NOT NULL CHECK (length(address) BETWEEN 1 AND 200),
  PRIMARY KEY (network, address)
);
GRANT SELECT ON hot_wallets TO swapgate_gateway, swapgate_admin;
GRANT SELECT, INSERT ON hot_wallets TO swapgate_settlement;
