-- What lets the ledger and the outbox be recomputed from the orders: the price and the share that an
-- order's earnings were posted at, and how many events tell of it.
-- depends: 0016-earnings

ALTER TABLE orders
  ADD COLUMN accrual_price_usd numeric CHECK (accrual_price_usd > 0),
  ADD COLUMN accrual_share_bps integer CHECK (accrual_share_bps BETWEEN 0 AND 10000),
  ADD COLUMN events integer NOT NULL DEFAULT 0;

UPDATE orders o SET events = e.number
FROM (SELECT order_id, count(*) AS number FROM webhook_events GROUP BY order_id) e
WHERE o.id = e.order_id;
-- As near as it can be told of orders from before.
UPDATE orders o SET accrual_share_bps = p.base_fee_share_bps,
  accrual_price_usd = ceil(-l.amount / o.source_amount * 10 ^ 18::numeric) / 10 ^ 18::numeric
FROM ledger_postings l, partners p
WHERE l.transaction_id = o.id AND l.account = 'customer_deposits' AND p.id = o.partner_id;

ALTER TABLE orders ADD CONSTRAINT accrued_at_a_price CHECK (
  NOT accrued OR (accrual_price_usd IS NOT NULL AND accrual_share_bps IS NOT NULL)) NOT VALID;

GRANT UPDATE (accrual_price_usd, accrual_share_bps, events) ON orders TO swapgate_settlement;
