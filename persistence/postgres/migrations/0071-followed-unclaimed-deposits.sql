-- Deposits that no order can use are followed like others: confirmed at the depth of their asset,
-- and dropped once neither node knows them.
-- depends: 0067-deposit-refunds

ALTER TABLE unclaimed_deposits
  ADD COLUMN confirmed_at timestamptz,
  ADD COLUMN dropped boolean NOT NULL DEFAULT false,
  ADD CHECK (NOT dropped OR confirmed_at IS NULL);
-- Those recorded before are not looked up again: a node may have pruned their blocks.
UPDATE unclaimed_deposits SET confirmed_at = seen_at;
CREATE INDEX unclaimed_deposits_unconfirmed ON unclaimed_deposits (network)
  WHERE confirmed_at IS NULL AND NOT dropped;
GRANT UPDATE (amount, seen_at, confirmed_at, dropped) ON unclaimed_deposits TO swapgate_settlement;
