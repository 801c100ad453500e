"""Updates endpoints' circuit breakers by the outcomes of attempts."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog

from domain.clock import Clock
from domain.errors import Unavailable
from domain.webhooks.circuit_breaker import (
    CallOutcome,
    Uniform,
    VersionedCircuitBreaker,
    record_outcomes,
)
from feeds.webhooks.ports import CircuitBreakers

MAX_SAVES: Final = 4
"""How often a breaker is saved again because another worker changed it first."""

_log = structlog.get_logger(__name__)

Outcomes = Mapping[UUID, Sequence[CallOutcome]]
"""Outcomes by partner."""
Breakers = Mapping[UUID, VersionedCircuitBreaker]
"""Circuit breakers by partner."""


class OutcomeRecorder:
    """Records outcomes in circuit breakers. An outcome that cannot be recorded is dropped.

    The next outcomes make up for it: a breaker then only opens or closes a little later.
    """

    def __init__(
        self, breakers: CircuitBreakers, *, clock: Clock, uniform: Uniform, max_concurrency: int
    ) -> None:
        self._breakers = breakers
        self._clock = clock
        self._uniform = uniform
        self._max_concurrency = max_concurrency

    async def record(self, outcomes: Outcomes, current: Breakers) -> None:
        """Record outcomes; `current` are the partners' breakers as last read."""
        try:
            for _ in range(MAX_SAVES):
                outcomes = await self._save(outcomes, current)
                if not outcomes:
                    return
                current = await self._breakers.read(outcomes.keys())
        except Unavailable as error:
            _log.warning("outcomes not recorded", reason=str(error))

    async def _save(self, outcomes: Outcomes, current: Breakers) -> Outcomes:
        """Save the changed breakers; return the outcomes of those another worker changed first."""
        now = self._clock.now()
        changed: dict[UUID, VersionedCircuitBreaker] = {}
        closed: dict[UUID, int] = {}
        for partner_id, partner_outcomes in outcomes.items():
            before = current.get(partner_id)
            after = record_outcomes(
                before.circuit_breaker if before else None,
                partner_outcomes,
                now=now,
                max_concurrency=self._max_concurrency,
                uniform=self._uniform,
            )
            if after is not None and (before is None or after != before.circuit_breaker):
                versioned = VersionedCircuitBreaker(after, before.version if before else 0)
                changed[partner_id] = versioned
                _log_transition(partner_id, before, versioned)
            elif after is None and before is not None:
                closed[partner_id] = before.version
        saved = await self._breakers.save(changed) if changed else set()
        if closed:
            await self._breakers.delete(closed)
        return {partner_id: outcomes[partner_id] for partner_id in changed.keys() - saved}


def _log_transition(
    partner_id: UUID, before: VersionedCircuitBreaker | None, after: VersionedCircuitBreaker
) -> None:
    was_open = before is not None and before.circuit_breaker.opened_at is not None
    is_open = after.circuit_breaker.opened_at is not None
    if is_open != was_open:
        event = "circuit breaker opened" if is_open else "circuit breaker closed"
        _log.warning(event, partner_id=str(partner_id))
