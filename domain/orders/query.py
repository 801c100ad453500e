"""Filters and pages of a partner's list of orders."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID, LAST_ID, first_id_at
from domain.orders.order import Order
from domain.orders.states import OUTCOME_OF, STATUS_OF, Outcome, State, Status

PAGE: Final = 25
MAX_CLOCK_DIFFERENCE: Final = timedelta(seconds=10)
"""The maximum difference between the time in an order's id and its `created_at`."""


class OrderStatus(msgspec.Struct, frozen=True):
    """The state of an order, and when it was last updated."""

    id: UUID
    state: State
    updated_at: datetime

    @property
    def status(self) -> Status:
        """Return the status its partner sees."""
        return STATUS_OF[self.state]


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of orders; None matches all.

    `asset` matches either side; `since` is inclusive and `until` exclusive, and so are the times of
    the last change; `id_prefix` has 1 to 32 hexadecimal digits.
    """

    status: Status | None = None
    code_id: UUID | None = None
    asset: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_prefix: str | None = None
    outcome: Outcome | None = None
    external_id: str | None = None
    changed_since: datetime | None = None
    changed_until: datetime | None = None

    @property
    def states(self) -> list[str]:
        """Return the states with the status and the outcome, or all of them."""
        return [
            state.value
            for state in State
            if self.status in (None, STATUS_OF[state])
            and self.outcome in (None, OUTCOME_OF.get(state))
        ]

    @property
    def is_by_change(self) -> bool:
        """Return whether it selects orders by their last change."""
        return self.changed_since is not None or self.changed_until is not None

    def range_of_ids(self) -> tuple[int, int]:
        """Return the first and the last possible id as numbers; dates by the time in UUIDv7."""
        first, last = FIRST_ID.int, LAST_ID.int
        if self.since is not None:
            first = first_id_at(self.since - MAX_CLOCK_DIFFERENCE).int
        if self.until is not None:
            last = first_id_at(self.until + MAX_CLOCK_DIFFERENCE).int
        if self.id_prefix is not None:
            first = max(first, int(self.id_prefix.ljust(32, "0"), 16))
            last = min(last, int(self.id_prefix.ljust(32, "f"), 16))
        return first, last


class ListedOrder(msgspec.Struct, frozen=True):
    """An order with its partner's earnings in 10^-18 USD.

    `earned` is None until the earnings are posted.
    """

    order: Order
    earned: int | None


class OrderPage(msgspec.Struct, frozen=True):
    """Matching orders, newest first, and whether there may be older and newer ones.

    `searched_back_to` is the id at which the search stopped before the page was full; the next page
    continues there.
    """

    orders: Sequence[ListedOrder]
    has_older: bool
    has_newer: bool
    searched_back_to: UUID | None = None
