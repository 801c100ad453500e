"""Set where a partner's events go, send a test, and send events again."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.errors import InvalidRequest, NotFound, RateLimited
from domain.webhooks.address_policy import checked_endpoint
from domain.webhooks.events import SUBSCRIBABLE, Event, webhook_test
from domain.webhooks.ports import WebhookPorts, WebhookSettings

TESTS_AT_ONCE: Final = 10
"""So many tests a minute: a URL may be anybody's."""
TEST_WINDOW: Final = timedelta(minutes=1)
REPLAYED_AT_ONCE: Final = 10_000


class NoEndpoint(InvalidRequest):
    """The partner has no webhook URL."""


async def set_webhooks(desk: WebhookPorts, partner_id: UUID, wanted: WebhookSettings) -> None:
    """Replace a partner's webhook settings, from the next attempt on.

    Raises InvalidWebhookUrl, InvalidRequest, NotFound, Unavailable.
    """
    if wanted.url is not None:
        checked_endpoint(wanted.url, insecure_allowed=desk.insecure_allowed)
    if not wanted.events <= frozenset(SUBSCRIBABLE):
        raise InvalidRequest("nobody subscribes to tests")
    if not await desk.book.set(partner_id, wanted):
        raise NotFound(f"there is no partner {partner_id}")


async def send_test(desk: WebhookPorts, partner_id: UUID) -> Event:
    """Have a test event sent; raise NoEndpoint, RateLimited, Unavailable."""
    now = desk.clock.now()
    if await desk.book.tests_since(partner_id, now - TEST_WINDOW) >= TESTS_AT_ONCE:
        raise RateLimited(int(TEST_WINDOW.total_seconds()))
    event = webhook_test(desk.new_id(), partner_id, at=now)
    if not await desk.book.add_test(event):
        raise NoEndpoint(f"partner {partner_id} has no webhook URL")
    return event


async def replay(desk: WebhookPorts, partner_id: UUID, event_ids: Collection[UUID]) -> int:
    """Have these events sent again, with the same ids and bytes; return how many there are."""
    return await desk.book.replay(partner_id, event_ids, now=desk.clock.now())


async def replay_failed(desk: WebhookPorts, partner_id: UUID, *, since: datetime) -> int:
    """Have what has failed since a moment sent again, up to REPLAYED_AT_ONCE, the oldest first."""
    return await desk.book.replay_failed(
        partner_id, since=since, now=desk.clock.now(), most=REPLAYED_AT_ONCE
    )
