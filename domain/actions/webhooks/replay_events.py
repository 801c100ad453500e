"""Send events again, with the same ids and bytes."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.webhooks.ports import WebhookPorts

MAX_REPLAYED: Final = 10_000


async def replay_events(ports: WebhookPorts, partner_id: UUID, event_ids: Collection[UUID]) -> int:
    """Replay these events; return how many of them exist."""
    return await ports.repository.replay(partner_id, event_ids, now=ports.clock.now())


async def replay_failed(ports: WebhookPorts, partner_id: UUID, *, since: datetime) -> int:
    """Replay the events that have failed since a time: oldest first, up to MAX_REPLAYED."""
    return await ports.repository.replay_failed(
        partner_id, since=since, now=ports.clock.now(), limit=MAX_REPLAYED
    )
