"""Show webhook events and replay them, and send a test event."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.operator.partners import OperatorPartnerRepository
from domain.actions.webhooks.send_test import NoEndpoint, send_test
from domain.clock import Clock
from domain.errors import InvalidCommand, NotFound
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary
from domain.webhooks.ports import WebhookPorts

POLL_INTERVAL: Final = timedelta(milliseconds=100)


class OperatorWebhookRepository(Protocol):
    """The operator's view of webhook events, including those of deleted orders.

    Each method raises Unavailable.
    """

    async def events(
        self, partner_id: UUID, *, statuses: Collection[EventStatus], limit: int
    ) -> Sequence[EventSummary]:
        """Return a partner's newest events with one of these statuses, newest first."""

    async def event(self, event_id: UUID) -> EventDetails:
        """Return an event with its body and all its attempts; raise NotFound."""

    async def replay(self, event_id: UUID, *, now: datetime) -> bool:
        """Have an event sent again; False without such an event."""

    async def replay_settled(
        self,
        partner_id: UUID,
        *,
        since: datetime,
        until: datetime,
        include_delivered: bool,
        now: datetime,
    ) -> int:
        """Have a partner's dead events of a period sent again; return how many.

        `include_delivered` includes the delivered ones.
        """


class OperatorWebhookPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on webhooks need. `pause` waits for some seconds."""

    clock: Clock
    partners: OperatorPartnerRepository
    repository: OperatorWebhookRepository
    sending: Callable[[], WebhookPorts]
    pause: Callable[[float], Awaitable[None]]


async def list_events(
    ports: OperatorWebhookPorts, who: str, *, statuses: Collection[EventStatus], limit: int
) -> Sequence[EventSummary]:
    """Return a partner's newest events, newest first; raise NotFound.

    Without `statuses`, of any status.
    """
    partner = await ports.partners.find(who)
    return await ports.repository.events(
        partner.id, statuses=statuses or list(EventStatus), limit=limit
    )


async def show_event(ports: OperatorWebhookPorts, event_id: UUID) -> EventDetails:
    """Return an event with its body and all its attempts; raise NotFound."""
    return await ports.repository.event(event_id)


async def replay_event(ports: OperatorWebhookPorts, event_id: UUID) -> int:
    """Send an event again, with the same id and bytes; return 1, or raise NotFound."""
    if not await ports.repository.replay(event_id, now=ports.clock.now()):
        await ports.repository.event(event_id)  # says whether it was archived
        raise NotFound(f"there is no event {event_id}")
    return 1


async def replay_period(
    ports: OperatorWebhookPorts,
    who: str,
    *,
    since: datetime,
    until: datetime | None,
    include_delivered: bool,
) -> int:
    """Send a partner's dead events from `since` until `until`, or now, again; return how many.

    Raises NotFound.
    """
    partner = await ports.partners.find(who)
    now = ports.clock.now()
    return await ports.repository.replay_settled(
        partner.id,
        since=since,
        until=until or now,
        include_delivered=include_delivered,
        now=now,
    )


async def send_test_event(
    ports: OperatorWebhookPorts, who: str, *, wait: timedelta
) -> EventSummary:
    """Send a partner a test event and wait for the first attempt, up to `wait`; return the event.

    Raises NotFound, InvalidCommand without a webhook URL, and RateLimited.
    """
    partner = await ports.partners.find(who)
    try:
        event = await send_test(ports.sending(), partner.id)
    except NoEndpoint:
        raise InvalidCommand(
            f"partner {partner.email} has no webhook URL: set one with `swapgate partner set`"
        ) from None
    for _ in range(wait // POLL_INTERVAL):
        summary = (await ports.repository.event(event.id)).event
        if summary.last is not None:
            return summary
        await ports.pause(POLL_INTERVAL.total_seconds())
    return (await ports.repository.event(event.id)).event
