"""The settings, state and health of a partner's webhook endpoint."""

from uuid import UUID

from domain.errors import NotFound
from domain.webhooks.events import EventType
from domain.webhooks.health import EndpointHealth
from domain.webhooks.ports import MAX_COUNTED, EndpointState, WebhookSettings
from domain.webhooks.subscriptions import event_names
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import COLUMNS, versioned_circuit_breaker
from persistence.postgres.webhooks.events import ORDER_NOT_DELETED

STATE = f"""
SELECT p.webhook_url, p.webhook_events, p.standard_webhooks, p.webhook_gone_at, {COLUMNS}, (
  SELECT count(*) FROM (
    SELECT FROM webhook_events e WHERE e.partner_id = p.id AND e.status = 'pending'
    LIMIT $2::integer) AS counted
) AS waiting, (
  SELECT due_at FROM webhook_events e WHERE e.partner_id = p.id AND e.status = 'pending'
  ORDER BY due_at LIMIT 1
) AS next_due_at, (
  SELECT count(*) FROM (
    SELECT FROM webhook_events e
    WHERE e.partner_id = p.id AND e.status = 'dead' AND {ORDER_NOT_DELETED}
    ORDER BY e.id DESC LIMIT $2::integer) AS counted
) AS failed
FROM partners p LEFT JOIN webhook_circuit_breakers c ON c.partner_id = p.id
WHERE p.id = $1
"""  # noqa: S608  only constants of ours

HEALTH = f"""
SELECT p.webhook_gone_at AS gone_at, c.opened_at AS open_since, c.half_open_at, (
  SELECT count(*) FROM (
    SELECT FROM webhook_events e
    WHERE e.partner_id = p.id AND e.status = 'pending' AND e.attempts > 0 AND {ORDER_NOT_DELETED}
    LIMIT $2::integer) AS counted
) AS waiting, (
  SELECT count(*) FROM (
    SELECT e.finished_at FROM webhook_events e
    WHERE e.partner_id = p.id AND e.status = 'dead' AND {ORDER_NOT_DELETED}
    ORDER BY e.id DESC LIMIT $2::integer) AS newest
  WHERE finished_at > now() - interval '1 day'
) AS dead
FROM partners p LEFT JOIN webhook_circuit_breakers c ON c.partner_id = p.id
WHERE p.id = $1
"""  # noqa: S608  as above

SAVE_SETTINGS = """
UPDATE partners SET webhook_url = $2, webhook_events = $3::text[], standard_webhooks = $4
WHERE id = $1 RETURNING id
"""


async def read_endpoint_state(database: Database, partner_id: UUID) -> EndpointState:
    """Return the settings and the state of a partner's endpoint; raise NotFound."""
    row = await database.fetch_one(STATE, [partner_id, MAX_COUNTED])
    if row is None:
        raise NotFound(f"there is no partner {partner_id}")
    versioned = versioned_circuit_breaker(row) if row["version"] is not None else None
    return EndpointState(
        settings=WebhookSettings(
            url=row["webhook_url"],
            events=frozenset(EventType(name) for name in row["webhook_events"]),
            standard_webhooks=row["standard_webhooks"],
        ),
        circuit_breaker=versioned.circuit_breaker if versioned else None,
        gone_at=row["webhook_gone_at"],
        waiting=row["waiting"],
        next_due_at=row["next_due_at"],
        failed=row["failed"],
    )


async def read_endpoint_health(database: Database, partner_id: UUID) -> EndpointHealth:
    """Return the health of a partner's endpoint; raise NotFound."""
    row = await database.fetch_one(HEALTH, [partner_id, MAX_COUNTED])
    if row is None:
        raise NotFound(f"there is no partner {partner_id}")
    return EndpointHealth(**row)


async def save_endpoint_settings(
    database: Database, partner_id: UUID, settings: WebhookSettings
) -> bool:
    """Replace the settings of a partner's endpoint; return False where there is no such partner."""
    parameters = [
        partner_id,
        settings.url,
        event_names(settings.events),
        settings.standard_webhooks,
    ]
    return await database.fetch_one(SAVE_SETTINGS, parameters) is not None
