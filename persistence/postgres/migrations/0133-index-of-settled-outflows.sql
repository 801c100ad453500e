-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- The few settled outflows that are not final.
-- depends: 0132-final-outflows
DROP INDEX CONCURRENTLY IF EXISTS outflows_settled;
CREATE INDEX CONCURRENTLY IF NOT EXISTS outflows_settled ON outflows (network, nonce)
  WHERE settled_at IS NOT NULL AND final_at IS NULL;
