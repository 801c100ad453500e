"""A partner's webhooks as its people manage them, under the gateway's role."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.errors import NotFound
from domain.webhooks.delivery import ShownEvent, WebhookHealth
from domain.webhooks.delivery_log import LogCursor, LogFilter, LogPage, first_id
from domain.webhooks.events import Event, EventType
from domain.webhooks.ports import (
    MAX_COUNTED,
    EndpointState,
    SigningSecrets,
    WebhookSettings,
    event_names,
)
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database, Row
from persistence.postgres.webhooks.circuit_breakers import COLUMNS, versioned_circuit_breaker
from persistence.postgres.webhooks.delivery_log import read_log
from persistence.postgres.webhooks.operator_log import EVENTS, listed_event, logged_attempt
from persistence.postgres.webhooks.outbox import add_test_event

MAX_ATTEMPTS_SHOWN: Final = 50
REPLAYED_IN_ONE: Final = 1_000

SHOWN: Final = """
NOT EXISTS (SELECT FROM orders o WHERE o.id = e.order_id AND o.deleted_at IS NOT NULL)
"""

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
    SELECT FROM webhook_events e WHERE e.partner_id = p.id AND e.status = 'dead' AND {SHOWN}
    ORDER BY e.id DESC LIMIT $2::integer) AS counted
) AS failed
FROM partners p LEFT JOIN webhook_circuits c ON c.partner_id = p.id
WHERE p.id = $1
"""  # noqa: S608  our own constants

HEALTH = f"""
SELECT p.webhook_gone_at AS gone_at, c.opened_at AS open_since, c.probe_at, (
  SELECT count(*) FROM (
    SELECT FROM webhook_events e
    WHERE e.partner_id = p.id AND e.status = 'pending' AND e.attempts > 0 AND {SHOWN}
    LIMIT $2::integer) AS counted
) AS waiting, (
  SELECT count(*) FROM (
    SELECT e.finished_at FROM webhook_events e
    WHERE e.partner_id = p.id AND e.status = 'dead' AND {SHOWN}
    ORDER BY e.id DESC LIMIT $2::integer) AS newest
  WHERE finished_at > now() - interval '1 day'
) AS dead
FROM partners p LEFT JOIN webhook_circuits c ON c.partner_id = p.id
WHERE p.id = $1
"""  # noqa: S608  as above

SET = """
UPDATE partners SET webhook_url = $2, webhook_events = $3::text[], standard_webhooks = $4
WHERE id = $1 RETURNING id
"""

SECRETS = """
SELECT webhook_secret_sealed AS present,
  CASE WHEN previous_webhook_secret_until > $2 THEN previous_webhook_secret_sealed END AS previous
FROM partners WHERE id = $1
"""

SHOW = f"{EVENTS} WHERE e.id = $2 AND e.partner_id = $1 AND {SHOWN}"

ATTEMPTS = """
SELECT attempt, started_at, latency_ms, http_status, error, answer FROM webhook_attempts
WHERE event_id = $1 ORDER BY started_at DESC, attempt DESC LIMIT $2::integer
"""

BODY = f"""
SELECT e.body FROM webhook_events e WHERE e.id = $2 AND e.partner_id = $1 AND {SHOWN}
"""  # noqa: S608  as above

# One that waits for its next attempt is only tried sooner.
REPLAY = f"""
WITH chosen AS (
  SELECT e.id FROM webhook_events e
  WHERE e.id = ANY ($2::uuid[]) AND e.partner_id = $1 AND {SHOWN}
  ORDER BY e.id FOR UPDATE OF e
), replayed AS (
  UPDATE webhook_events e SET
    status = 'pending', due_at = $3, finished_at = NULL,
    attempts = CASE WHEN e.status = 'pending' THEN e.attempts ELSE 0 END
  FROM chosen WHERE e.id = chosen.id AND e.status <> 'queued'
)
SELECT count(*) AS events FROM chosen
"""  # noqa: S608  as above

REPLAY_FAILED = f"""
WITH chosen AS (
  SELECT e.id FROM webhook_events e
  WHERE e.partner_id = $1 AND e.status = 'dead' AND e.id >= $2 AND e.created_at >= $3 AND {SHOWN}
  ORDER BY e.id LIMIT $4::integer FOR UPDATE OF e
), replayed AS (
  UPDATE webhook_events e SET status = 'pending', due_at = $5, finished_at = NULL, attempts = 0
  WHERE e.id = ANY (ARRAY(SELECT id FROM chosen))
)
SELECT count(*) AS events FROM chosen
"""  # noqa: S608  as above

TESTS = """
SELECT count(*) AS events FROM webhook_events
WHERE partner_id = $1 AND type <> 'order.status_changed' AND type = 'webhook.test' AND id >= $2
  AND created_at >= $3
"""


async def webhook_health(database: Database, partner_id: UUID) -> WebhookHealth:
    """Return how a partner's endpoint fares; raise NotFound."""
    row = await database.fetch_one(HEALTH, [partner_id, MAX_COUNTED])
    if row is None:
        raise NotFound(f"there is no partner {partner_id}")
    return WebhookHealth(**row)


class PostgresWebhookRepository:
    """WebhookRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def state(self, partner_id: UUID) -> EndpointState:
        """See WebhookRepository."""
        row = await self._one(STATE, [partner_id, MAX_COUNTED])
        circuit = versioned_circuit_breaker(row).circuit if row["version"] is not None else None
        return EndpointState(
            settings=WebhookSettings(
                url=row["webhook_url"],
                events=frozenset(EventType(name) for name in row["webhook_events"]),
                standard_webhooks=row["standard_webhooks"],
            ),
            circuit=circuit,
            gone_at=row["webhook_gone_at"],
            waiting=row["waiting"],
            next_due_at=row["next_due_at"],
            failed=row["failed"],
        )

    async def set(self, partner_id: UUID, settings: WebhookSettings) -> bool:
        """See WebhookRepository."""
        parameters = [
            partner_id,
            settings.url,
            event_names(settings.events),
            settings.standard_webhooks,
        ]
        return await self._database.fetch_one(SET, parameters) is not None

    async def secrets(self, partner_id: UUID, *, now: datetime) -> SigningSecrets:
        """See WebhookRepository."""
        row = await self._one(SECRETS, [partner_id, now])
        return SigningSecrets(
            self._opened(partner_id, row["present"]), self._opened(partner_id, row["previous"])
        )

    async def log(self, partner_id: UUID, wanted: LogFilter, behind: LogCursor | None) -> LogPage:
        """See WebhookRepository."""
        return await read_log(self._database, partner_id, wanted, behind)

    async def event(self, partner_id: UUID, event_id: UUID) -> ShownEvent:
        """See WebhookRepository."""
        row = await self._one(SHOW, [partner_id, event_id])
        attempts = await self._database.fetch(ATTEMPTS, [event_id, MAX_ATTEMPTS_SHOWN])
        return ShownEvent(
            event=listed_event(row),
            partner_id=partner_id,
            body=row["body"].decode(),
            attempts=[logged_attempt(attempt) for attempt in reversed(attempts)],
        )

    async def body(self, partner_id: UUID, event_id: UUID) -> bytes | None:
        """See WebhookRepository."""
        row = await self._database.fetch_one(BODY, [partner_id, event_id])
        return bytes(row["body"]) if row else None

    async def replay(self, partner_id: UUID, event_ids: Collection[UUID], *, now: datetime) -> int:
        """See WebhookRepository."""
        return await self._count(REPLAY, [partner_id, list(event_ids), now])

    async def replay_failed(
        self, partner_id: UUID, *, since: datetime, now: datetime, most: int
    ) -> int:
        """See WebhookRepository. Works in steps: a replayed event is no longer among the failed."""
        replayed = 0
        while replayed < most:
            parameters = [partner_id, first_id(since), since, REPLAYED_IN_ONE, now]
            step = await self._count(REPLAY_FAILED, parameters)
            replayed += step
            if step < REPLAYED_IN_ONE:
                break
        return replayed

    async def tests_since(self, partner_id: UUID, at: datetime) -> int:
        """See WebhookRepository."""
        return await self._count(TESTS, [partner_id, first_id(at), at])

    async def add_test(self, event: Event) -> bool:
        """See WebhookRepository."""
        return await add_test_event(self._database, event)

    async def _one(self, sql: str, parameters: list[Any]) -> Row:
        row = await self._database.fetch_one(sql, parameters)
        if row is None:
            raise NotFound("nothing of this partner's")
        return row

    async def _count(self, sql: str, parameters: list[Any]) -> int:
        (row,) = await self._database.fetch(sql, parameters)
        return int(row["events"])

    def _opened(self, partner_id: UUID, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._keyring.try_open(sealed, record=webhook_secret_record(partner_id))
