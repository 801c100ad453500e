-- The generation of the record that each primary of Valkey has: a replica with an earlier one may lack
-- admissions, see persistence/valkey/admission/replication.py.
-- depends: 0121-time-of-inserted-orders

CREATE TABLE valkey_primaries (
  address text PRIMARY KEY CHECK (length(address) BETWEEN 1 AND 300),
  generation bigint NOT NULL CHECK (generation >= 0)
);
GRANT SELECT, INSERT, UPDATE (generation) ON valkey_primaries TO swapgate_gateway;
GRANT SELECT ON valkey_primaries TO swapgate_admin;
