-- A partner's people look through its events and change its settings: what they look for that is
-- rare among millions is found by an index of its own, which costs the common ones nothing. That of
-- dead events is in 0035-partner-days.sql.
-- depends: 0035-partner-days

CREATE INDEX webhook_events_rare ON webhook_events (partner_id, id)
  WHERE type <> 'order.status_changed';

GRANT UPDATE (standard_webhooks) ON partners TO swapgate_gateway;
