"""A partner's webhook endpoint as its staff manages it, and the ports that the actions need."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.webhooks.circuit_breaker import CircuitBreaker
from domain.webhooks.delivery_log import EventDetails, LogCursor, LogFilter, LogPage
from domain.webhooks.events import Event, EventType

MAX_COUNTED = 1_000
"""Events are counted up to this number."""


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint's URL and subscriptions, and whether Standard Webhooks headers are sent too."""

    url: str | None
    events: frozenset[EventType]
    standard_webhooks: bool


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """The settings and the current state of an endpoint.

    `circuit_breaker` is set only where the endpoint has recently failed or been slow; `gone_at` is
    when it responded 410 Gone. `waiting` and `failed` count events, up to MAX_COUNTED;
    `next_due_at` is when the first waiting event is due.
    """

    settings: WebhookSettings
    circuit_breaker: CircuitBreaker | None
    gone_at: datetime | None
    waiting: int
    next_due_at: datetime | None
    failed: int


class SigningSecrets(msgspec.Struct, frozen=True):
    """A partner's webhookSecret, and the previous one for a day after a rotation.

    None where there is none, or where the key ring cannot decrypt it.
    """

    current: str | None
    previous: str | None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "SigningSecrets(...)"


class WebhookRepository(Protocol):
    """A partner's endpoint and events. Every method raises Unavailable.

    Events of orders that their users have deleted are excluded.
    """

    async def read_state(self, partner_id: UUID) -> EndpointState:
        """Return the state of the partner's endpoint; raise NotFound."""

    async def save_settings(self, partner_id: UUID, settings: WebhookSettings) -> bool:
        """Replace all settings; return False where the partner does not exist."""

    async def read_secrets(self, partner_id: UUID, *, now: datetime) -> SigningSecrets:
        """Return the secrets that sign the partner's events now; raise NotFound."""

    async def list_events(
        self, partner_id: UUID, log_filter: LogFilter, cursor: LogCursor | None
    ) -> LogPage:
        """Return the page of matching events that follows `cursor`."""

    async def read_event(self, partner_id: UUID, event_id: UUID) -> EventDetails:
        """Return an event with its body and newest attempts; raise NotFound."""

    async def read_body(self, partner_id: UUID, event_id: UUID) -> bytes | None:
        """Return the exact body of an event; None where the event does not exist."""

    async def replay(self, partner_id: UUID, event_ids: Collection[UUID], *, now: datetime) -> int:
        """Make events due again, except those being sent; return how many of them exist."""

    async def replay_failed(
        self, partner_id: UUID, *, since: datetime, now: datetime, limit: int
    ) -> int:
        """Make failed events due again, oldest first, up to `limit`; return how many."""

    async def count_tests(self, partner_id: UUID, *, since: datetime) -> int:
        """Return how many test events were created since a moment."""

    async def enqueue_test(self, event: Event) -> bool:
        """Store a test event; return False where its partner has no URL."""


class WebhookPorts(msgspec.Struct, frozen=True):
    """What managing webhooks needs. `insecure_allowed` permits http and private addresses."""

    clock: Clock
    repository: WebhookRepository
    new_id: Callable[[], UUID]
    insecure_allowed: bool
