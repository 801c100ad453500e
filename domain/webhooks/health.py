"""The health of one endpoint, and of the outbox as a whole."""

from datetime import datetime

import msgspec


class EndpointHealth(msgspec.Struct, frozen=True):
    """The health of an endpoint.

    `gone_at` is when it responded 410 Gone, `open_since` when its circuit breaker opened and
    `half_open_at` when the next trial is due. `waiting` events have failed and will be retried;
    `dead` events were abandoned within the last day. Both are counted up to MAX_COUNTED.
    """

    gone_at: datetime | None
    open_since: datetime | None
    half_open_at: datetime | None
    waiting: int
    dead: int

    @property
    def is_healthy(self) -> bool:
        """Return whether nothing needs attention."""
        return self.gone_at is None and self.open_since is None and not (self.waiting or self.dead)


class OutboxStats(msgspec.Struct, frozen=True):
    """The number of undelivered events by what they wait for.

    `due` events wait for a worker, `scheduled` ones for their time, `queued` ones are being sent,
    and `blocked` ones wait for their endpoint's circuit breaker to close. `oldest_due_at` is the
    earliest due time among the `due` ones, `oldest_undelivered_at` the earliest creation of an
    event that is not blocked.
    """

    due: int
    scheduled: int
    queued: int
    blocked: int
    open_circuit_breakers: int
    oldest_due_at: datetime | None
    oldest_undelivered_at: datetime | None
