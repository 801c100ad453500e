-- The trace of the call that created an order, for settlement and webhooks to continue.
-- depends: 0128-timelines-of-markers

ALTER TABLE orders ADD COLUMN traceparent text;
COMMENT ON COLUMN orders.traceparent IS
  'W3C trace context of the sampled call that created the order; NULL for all others.';

GRANT INSERT (traceparent) ON orders TO swapgate_gateway;
