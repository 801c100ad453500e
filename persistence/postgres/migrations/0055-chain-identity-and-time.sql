-- Which test network is followed instead of a network, and until when a chain has been followed.
-- depends: 0052-ledger-names

ALTER TABLE chains ADD COLUMN test_network text, ADD COLUMN followed_until timestamptz;
COMMENT ON COLUMN chains.test_network IS
  'The test network that is followed instead, whose coins are worth nothing; NULL for none.';
COMMENT ON COLUMN chains.followed_until IS
  'The time of the newest processed block: all deposits up to then are recorded.';
