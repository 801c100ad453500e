"""Send a test event to a partner's endpoint."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from domain.errors import InvalidRequest, RateLimited
from domain.reasons import Reason
from domain.webhooks.events import Event, EventType
from domain.webhooks.ports import WebhookPorts
from domain.webhooks.samples import sample_event

MAX_TESTS: Final = 10
"""Test events per TEST_WINDOW: the URL may belong to anyone."""
TEST_WINDOW: Final = timedelta(minutes=1)


class NoEndpoint(InvalidRequest):
    """The partner has no webhook URL."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, reason=Reason.NO_WEBHOOK_URL)


async def send_test(
    ports: WebhookPorts, partner_id: UUID, event_type: EventType = EventType.WEBHOOK_TEST
) -> Event:
    """Enqueue a test event; raise NoEndpoint, RateLimited, Unavailable.

    The database rejects other types than `webhook.test` outside a sandbox.
    """
    now = ports.clock.now()
    if await ports.repository.count_tests(partner_id, since=now - TEST_WINDOW) >= MAX_TESTS:
        raise RateLimited(int(TEST_WINDOW.total_seconds()))
    event = sample_event(event_type, ports.new_id(), partner_id, at=now)
    if not await ports.repository.enqueue_test(event):
        raise NoEndpoint(f"partner {partner_id} has no webhook URL")
    return event
