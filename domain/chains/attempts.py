"""Failed attempts to pay orders out: when each is attempted again, and which are on hold."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.chains.outflows import (
    FailureReason,
    OutflowCapExceeded,
    OutflowNotSent,
)
from domain.errors import DomainError, InvalidTransition, Unavailable
from domain.text import printable

MIN_RETRY_DELAY: Final = timedelta(seconds=5)
MAX_RETRY_DELAY: Final = timedelta(hours=1)
FAILING_FOR_TOO_LONG: Final = timedelta(hours=1)
"""After this time an order that is not paid out raises an alarm."""

# An order on hold for its cost is checked again: fees of networks fall by themselves.
CHECKED_AGAIN: Final = frozenset({FailureReason.COST_ABOVE_BOUND})


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt failed. `is_held` puts the order on hold.

    `is_attempted_again` is false for an order that waits until the operator releases it.
    """

    reason: FailureReason
    detail: str
    is_held: bool = False
    is_expected: bool = True

    @property
    def is_attempted_again(self) -> bool:
        """Return whether settlement attempts the order again by itself."""
        return not self.is_held or self.reason in CHECKED_AGAIN


def failure_of(error: Exception) -> Failure:
    """Return the failure that an exception of an attempt means."""
    detail = printable(str(error) or type(error).__name__)
    if isinstance(error, OutflowNotSent):
        return Failure(error.reason, detail, is_held=error.is_held)
    if isinstance(error, OutflowCapExceeded):
        return Failure(FailureReason.DAILY_CAP, detail)
    if isinstance(error, InvalidTransition):
        return Failure(FailureReason.NOT_DUE, detail)
    if isinstance(error, Unavailable):
        return Failure(FailureReason.UNAVAILABLE, detail)
    detail = printable(f"{type(error).__name__}: {error}")
    return Failure(
        FailureReason.UNEXPECTED_ERROR, detail, is_expected=isinstance(error, DomainError)
    )


class RecordedFailure(msgspec.Struct, frozen=True):
    """How often an order has failed in a row, and since when."""

    failures: int
    failing_since: datetime


class FailingOrders(msgspec.Struct, frozen=True):
    """How many orders of a network are failing, how many are on hold, and since when."""

    failing: int
    held: int
    oldest: datetime | None


class AttemptRepository(Protocol):
    """The failed attempts of each order. All methods raise Unavailable."""

    async def record(
        self, network: str, order_id: UUID, failure: Failure, *, at: datetime
    ) -> RecordedFailure | None:
        """Record a failed attempt; the next one is due after an exponential backoff.

        None, without effect, if the same failure is recorded already and no attempt was due, or
        the operator has put the order on hold.
        """

    async def clear(self, order_ids: Collection[UUID]) -> None:
        """Forget the failures of orders whose attempt succeeded, unless the operator holds them."""

    async def summary(self, network: str) -> FailingOrders:
        """Return how many orders of a network are failing or on hold."""
