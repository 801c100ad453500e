"""What relay and delivery need from the world, as Protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.webhooks.circuit_breaker import VersionedCircuitBreaker
from domain.webhooks.delivery import Attempt, FinishedAttempt, PendingDelivery
from domain.webhooks.events import Event


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
    def previous_webhook_secret(self) -> str | None:
        """Return what to sign with as well in the standard format, for a day after a rotation."""

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
    def gone(self) -> bool:
        """Tell whether the endpoint has said that it is gone."""

    @property
    def order_deleted(self) -> bool:
        """Tell whether the event is about an order its user has deleted."""


class Outbox(Protocol):
    """The relay's side of the events. All methods raise Unavailable."""

    async def claim_due(
        self,
        *,
        now: datetime,
        leased_until: datetime,
        room: int,
        per_endpoint: int,
        limit: int,
    ) -> Sequence[UUID]:
        """Mark up to `limit` due events as queued until `leased_until` and return their ids.

        An event waits until every earlier one of its order is delivered or dead. No more than
        `room` are queued at once, of one endpoint no more than `per_endpoint`, or than its circuit
        allows.
        """

    async def unclaim(self, ids: Collection[UUID]) -> None:
        """Put claimed events back that no worker has taken."""

    async def release_expired(self, *, now: datetime) -> int:
        """Put queued events back whose lease is over; return how many."""

    async def give_up_hopeless(self, *, now: datetime) -> int:
        """Give up what an open circuit has kept back for as long as retries last."""


class Deliveries(Protocol):
    """The workers' side of the events. All methods raise Unavailable."""

    async def take(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """Lease those of the events that are queued and that nobody else holds."""

    async def record(
        self, finished: Sequence[FinishedAttempt], *, now: datetime
    ) -> Mapping[UUID, VersionedCircuitBreaker | None]:
        """Log attempts and settle their events, each where its lease is still the event's.

        Returns the ids of those events, each with its endpoint's circuit if there is one; nothing
        is changed of the others.
        """

    async def give_back(self, leases: Collection[UUID]) -> int:
        """Put events back that are still held under these leases; return how many."""

    async def stop_sending(self, partner_id: UUID, url: str, *, now: datetime) -> bool:
        """Send nothing more to a URL that said it is gone; True where that is news."""

    async def resume_sending(self, partner_id: UUID, url: str) -> bool:
        """Send to this URL again; True where that is news."""


class Circuits(Protocol):
    """What is remembered of endpoints in trouble. All methods raise Unavailable."""

    async def read(self, partners: Collection[UUID]) -> Mapping[UUID, VersionedCircuitBreaker]:
        """Return what is remembered of these partners' endpoints."""

    async def save(self, circuits: Mapping[UUID, VersionedCircuitBreaker]) -> set[UUID]:
        """Store circuits; return the partners of those that had not changed since."""

    async def forget(self, versions: Mapping[UUID, int]) -> set[UUID]:
        """Remove circuits; return the partners of those that had not changed since."""


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
