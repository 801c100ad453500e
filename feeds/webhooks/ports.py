"""What relay and delivery need from the world, as Protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.ports import Attempt, PendingDelivery
from domain.webhooks import Event


class LeasedEvent(Protocol):
    """A queued event that one worker alone may send, and what its partner has set by now."""

    @property
    def event(self) -> Event:
        """Return the event as it was committed."""

    @property
    def failed_attempts(self) -> int:
        """Return how often it was tried in vain."""

    @property
    def url(self) -> str | None:
        """Return where the partner wants its events, if anywhere."""

    @property
    def webhook_secret(self) -> str | None:
        """Return what to sign with; None where the key ring can't open it."""

    @property
    def standard_webhooks(self) -> bool:
        """Tell whether the partner asked for the Standard Webhooks headers too."""

    @property
    def partner_enabled(self) -> bool:
        """Tell whether the operator lets the partner take part."""

    @property
    def subscribed(self) -> bool:
        """Tell whether the partner (still) wants events of this type."""

    @property
    def order_deleted(self) -> bool:
        """Tell whether the event is about an order its user has deleted."""


class Outbox(Protocol):
    """The relay's side of the events. All methods raise Unavailable."""

    async def claim_due(
        self, *, now: datetime, leased_until: datetime, limit: int
    ) -> Sequence[UUID]:
        """Mark due events as queued until `leased_until` and return their ids.

        An event waits until every earlier one of its order is delivered or dead.
        """

    async def release_expired(self, *, now: datetime) -> int:
        """Put queued events back whose lease is over; return how many."""


class Deliveries(Protocol):
    """The workers' side of the events. All methods raise Unavailable."""

    async def take(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """Lease those of the events that are queued and that nobody else holds."""

    async def record(
        self,
        event_id: UUID,
        *,
        lease: UUID,
        attempt: Attempt,
        retry_at: datetime | None,
        now: datetime,
    ) -> bool:
        """Log an attempt and settle its event: delivered, else pending until `retry_at`, else dead.

        False, and nothing changed, where the lease isn't the event's any more.
        """

    async def give_back(self, leases: Collection[UUID]) -> int:
        """Put events back that are still held under these leases; return how many."""


class Queue(Protocol):
    """Event ids on their way to the workers; it may lose any of them.

    An entry stays with the worker that read it until it is `done`. All methods raise Unavailable.
    """

    async def length(self) -> int:
        """Return how many entries there are, read or not."""

    async def add(self, ids: Collection[UUID]) -> None:
        """Append an entry for each event."""

    async def read(self, *, count: int) -> Mapping[str, UUID]:
        """Return up to `count` new entries, id to event; wait a moment where there are none."""

    async def reclaim(self, *, count: int) -> Mapping[str, UUID]:
        """Return entries that another worker read long ago and never finished."""

    async def done(self, entries: Collection[str]) -> None:
        """Remove entries."""


class Sender(Protocol):
    """Makes one attempt to deliver."""

    async def send(self, delivery: PendingDelivery) -> Attempt:
        """Send the event and tell how it went; never raises for what the receiver does."""
