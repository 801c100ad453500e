-- The quote that an order was opened with: each opens one order at most, whoever inserts them.
-- depends: 0104-restricted-regions

ALTER TABLE orders ADD COLUMN quote_id uuid;
CREATE UNIQUE INDEX orders_quote ON orders (quote_id) WHERE quote_id IS NOT NULL;
COMMENT ON COLUMN orders.quote_id IS
  'The id inside the quoteId that the order was opened with; NULL for one that was priced at once.';

GRANT INSERT (quote_id) ON orders TO swapgate_gateway;
