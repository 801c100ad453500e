-- Webhook events and their attempts become partitioned by month.
-- depends: 0138-partitions-by-month

-- In the order in which statements lock them: whoever moves an order then enqueues its event.
LOCK TABLE orders, partners IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE webhook_events, webhook_attempts IN ACCESS EXCLUSIVE MODE;

CALL partition_by_month('webhook_events', 'id');
CALL partition_by_month('webhook_attempts', 'event_id');
