"""Change a partner's webhook settings, send a test event, and replay events."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.errors import InvalidRequest, NotFound, RateLimited
from domain.webhooks.address_policy import validate_webhook_url
from domain.webhooks.events import SUBSCRIBABLE, Event, webhook_test
from domain.webhooks.ports import WebhookPorts, WebhookSettings

MAX_TESTS: Final = 10
"""Test events per TEST_WINDOW: the URL may belong to anyone."""
TEST_WINDOW: Final = timedelta(minutes=1)
MAX_REPLAYED: Final = 10_000


class NoEndpoint(InvalidRequest):
    """The partner has no webhook URL."""


async def set_webhooks(ports: WebhookPorts, partner_id: UUID, settings: WebhookSettings) -> None:
    """Replace a partner's webhook settings; they apply from the next attempt on.

    Raises InvalidWebhookUrl, InvalidRequest, NotFound, Unavailable.
    """
    if settings.url is not None:
        validate_webhook_url(settings.url, insecure_allowed=ports.insecure_allowed)
    if not settings.events <= frozenset(SUBSCRIBABLE):
        raise InvalidRequest("test events cannot be subscribed to")
    if not await ports.repository.save_settings(partner_id, settings):
        raise NotFound(f"there is no partner {partner_id}")


async def send_test(ports: WebhookPorts, partner_id: UUID) -> Event:
    """Enqueue a test event; raise NoEndpoint, RateLimited, Unavailable."""
    now = ports.clock.now()
    if await ports.repository.count_tests(partner_id, since=now - TEST_WINDOW) >= MAX_TESTS:
        raise RateLimited(int(TEST_WINDOW.total_seconds()))
    event = webhook_test(ports.new_id(), partner_id, at=now)
    if not await ports.repository.enqueue_test(event):
        raise NoEndpoint(f"partner {partner_id} has no webhook URL")
    return event


async def replay(ports: WebhookPorts, partner_id: UUID, event_ids: Collection[UUID]) -> int:
    """Send events again, with the same ids and bytes; return how many of them exist."""
    return await ports.repository.replay(partner_id, event_ids, now=ports.clock.now())


async def replay_failed(ports: WebhookPorts, partner_id: UUID, *, since: datetime) -> int:
    """Send the events again that have failed since a moment: oldest first, up to MAX_REPLAYED."""
    return await ports.repository.replay_failed(
        partner_id, since=since, now=ports.clock.now(), limit=MAX_REPLAYED
    )
