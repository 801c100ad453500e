-- The partitions that `swapgate retention` has taken out of their tables, and how far it is with each.
-- depends: 0139-partitioned-webhook-events

CREATE TABLE archived_partitions (
  name text PRIMARY KEY,
  parent text NOT NULL,
  ends uuid NOT NULL,
  detached_at timestamptz NOT NULL,
  archived_at timestamptz,
  row_count bigint,
  sha256 text,
  dropped_at timestamptz,
  CHECK ((archived_at IS NULL) = (row_count IS NULL) AND (archived_at IS NULL) = (sha256 IS NULL)),
  CHECK (dropped_at IS NULL OR archived_at IS NOT NULL)
);
COMMENT ON COLUMN archived_partitions.sha256 IS 'Of the compressed file, which had been read back.';

GRANT SELECT ON archived_partitions TO swapgate_gateway, swapgate_admin;
