-- A spread on all swaps, beside the service fee of the network that is paid out on.
-- depends: 0026-orders-opened

ALTER TABLE operator_settings ADD COLUMN spread_bps integer NOT NULL DEFAULT 0
  CHECK (spread_bps BETWEEN 0 AND 2000);
