-- A settled outflow is followed until it is as deep again: a reorganization may take it from the chain,
-- and then the transactions after its nonce would wait for good.
-- depends: 0128-timelines-of-markers

-- Outflows from before are final. The default is stored once, without writing their rows.
ALTER TABLE outflows ADD COLUMN final_at timestamptz DEFAULT now();
-- squawk-ignore ban-drop-default -- nobody relies on the default of a new column
ALTER TABLE outflows ALTER COLUMN final_at DROP DEFAULT;
UPDATE outflows SET final_at = NULL WHERE settled_at IS NULL;

GRANT UPDATE (final_at) ON outflows TO swapgate_settlement;
