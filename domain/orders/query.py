"""A partner's orders as they are listed: what is asked for, and a page of the answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.ids import FIRST_ID, LAST_ID, first_id_at
from domain.orders.order import Order
from domain.orders.states import STATUS_OF, State, Status

PAGE: Final = 25
CLOCKS_DIFFER: Final = timedelta(seconds=10)
"""An order's id and its `created_at` may be told by two looks at a clock; so far apart, at most."""


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are asked for; None asks for all.

    `asset` is either side's; `since` counts and `until` doesn't; `id_prefix` is 1 to 32 digits.
    """

    status: Status | None = None
    code_id: UUID | None = None
    asset: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    id_prefix: str | None = None

    @property
    def states(self) -> list[str]:
        """Return the states behind the status, or all of them."""
        return [state.value for state in State if self.status in (None, STATUS_OF[state])]

    def range_of_ids(self) -> tuple[int, int]:
        """Return the first and the last id that may fit, as numbers; by UUIDv7's time for dates."""
        first, last = FIRST_ID.int, LAST_ID.int
        if self.since is not None:
            first = first_id_at(self.since - CLOCKS_DIFFER).int
        if self.until is not None:
            last = first_id_at(self.until + CLOCKS_DIFFER).int
        if self.id_prefix is not None:
            first = max(first, int(self.id_prefix.ljust(32, "0"), 16))
            last = min(last, int(self.id_prefix.ljust(32, "f"), 16))
        return first, last


class ListedOrder(msgspec.Struct, frozen=True):
    """An order of a list, with its code's name, and what it has earned its partner in 10^-18 USD.

    `earned` is None until it was posted.
    """

    order: Order
    code: str | None
    earned: int | None


class OrderPage(msgspec.Struct, frozen=True):
    """Orders that fit, newest first, and whether there may be older and newer ones.

    `searched_back_to` says that no more orders were looked through than down to this id, where that
    is why there aren't more: it goes on there.
    """

    orders: Sequence[ListedOrder]
    has_older: bool
    has_newer: bool
    searched_back_to: UUID | None = None
