"""What relay and delivery workers need from the outside, as Protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.webhooks.circuit_breaker import VersionedCircuitBreaker
from domain.webhooks.delivery import Attempt, FinishedAttempt, LeasedEvent, PendingDelivery


class Outbox(Protocol):
    """The relay's side of the events. All methods raise Unavailable."""

    async def claim_due(
        self,
        *,
        now: datetime,
        leased_until: datetime,
        capacity: int,
        per_endpoint: int,
        limit: int,
    ) -> Sequence[UUID]:
        """Mark up to `limit` due events as queued until `leased_until`; return their ids.

        An event waits until every earlier event of its order is delivered or dead. At most
        `capacity` events are queued at once; of one endpoint at most `per_endpoint`, and at most
        what its circuit breaker allows.
        """

    async def unclaim(self, ids: Collection[UUID]) -> None:
        """Make claimed events pending again, unless a worker has leased them."""

    async def release_expired(self, *, now: datetime) -> int:
        """Make queued events pending again whose lease has expired; return how many."""

    async def dead_letter_blocked(self, *, now: datetime) -> int:
        """Mark events dead that an open circuit breaker has blocked for their whole schedule."""


class Deliveries(Protocol):
    """The workers' side of the events. All methods raise Unavailable."""

    async def lease(
        self, ids: Collection[UUID], *, lease: UUID, now: datetime, leased_until: datetime
    ) -> Sequence[LeasedEvent]:
        """Lease those of the events that are queued and not leased by another worker."""

    async def record(
        self, finished: Sequence[FinishedAttempt], *, now: datetime
    ) -> Mapping[UUID, VersionedCircuitBreaker | None]:
        """Log attempts and update their events, each only if its lease is still valid.

        Returns the ids of those events, each with its endpoint's circuit breaker if there is one.
        """

    async def release(self, leases: Collection[UUID]) -> int:
        """Make events pending again that these leases hold; return how many."""

    async def mark_gone(self, partner_id: UUID, url: str, *, now: datetime) -> bool:
        """Stop sending to a URL that responded 410 Gone; return whether that is a change."""

    async def clear_gone(self, partner_id: UUID, url: str) -> bool:
        """Send to a URL again; return whether that is a change."""


class CircuitBreakers(Protocol):
    """The circuit breakers of endpoints, by partner. All methods raise Unavailable."""

    async def read(self, partner_ids: Collection[UUID]) -> Mapping[UUID, VersionedCircuitBreaker]:
        """Return the breakers of these partners' endpoints, of those that have one."""

    async def save(self, breakers: Mapping[UUID, VersionedCircuitBreaker]) -> set[UUID]:
        """Store breakers whose version is still current; return their partners."""

    async def delete(self, versions: Mapping[UUID, int]) -> set[UUID]:
        """Remove breakers whose version is still current; return their partners."""


class Queue(Protocol):
    """Event ids on their way to the workers; any of them may be lost.

    An entry belongs to the worker that read it until it is removed. All methods raise Unavailable.
    """

    async def length(self) -> int:
        """Return the number of entries, read or not."""

    async def add(self, ids: Collection[UUID]) -> None:
        """Append an entry for each event."""

    async def read(self, *, count: int) -> Mapping[str, UUID]:
        """Return up to `count` new entries, id to event; wait a moment where there are none."""

    async def reclaim(self, *, count: int) -> Mapping[str, UUID]:
        """Take over entries that another worker read long ago and has not removed."""

    async def remove(self, entries: Collection[str]) -> None:
        """Remove entries."""


class Sender(Protocol):
    """Makes one attempt to deliver."""

    async def send(self, delivery: PendingDelivery) -> Attempt:
        """Send the event and return the result; never raises for anything the endpoint does."""
