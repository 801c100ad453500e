-- That nonces are remembered in Valkey: a Valkey without data has lost them, and is not a new one.
-- depends: 0087-required-second-factors

-- Inserted before the first signed call of the installation, and never changed or deleted.
CREATE TABLE nonce_memory (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  began_at timestamptz NOT NULL
);
GRANT SELECT, INSERT (began_at) ON nonce_memory TO swapgate_gateway;
GRANT SELECT ON nonce_memory TO swapgate_admin;
