"""The history of the database: whether settlement has confirmed that nothing of it was lost.

A database that was restored from a backup, copied, or put back to an earlier state lacks orders of
customers: it would assign their pay-in addresses, and pay, a second time.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

import msgspec

COMMAND: Final = "swapgate pay-in restored --reason TEXT"
"""What the operator types before anything is assigned or paid again."""


class AccountMarker(msgspec.Struct, frozen=True, rename="camel"):
    """A pay-in account, by a hash, and the next index to derive at."""

    account: str
    next_index: int


class Marker(msgspec.Struct, frozen=True, rename="camel"):
    """What a database has issued: its newest order, and the index of each network's account.

    `history` is that of the database. `synchronous` is whether its writes waited for a standby.
    `timeline` is the server's, which grows with each promotion; 0 in markers of versions before.
    """

    history: UUID
    synchronous: bool
    order: UUID | None
    accounts: Mapping[str, AccountMarker]
    timeline: int = 0


class HistoryStatus(StrEnum):
    """What settlement found."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    """The server was started again, and the marker cannot be read."""
    ON_HOLD = "on hold"


class Confirmation(msgspec.Struct, frozen=True):
    """A status, with the problem of a database on hold, or the marker of a confirmed one."""

    status: HistoryStatus
    problem: str = ""
    marker: Marker | None = None


class DatabaseHistory(Protocol):
    """Confirms the history of a database. Raises Unavailable."""

    async def confirm(self, marker: Marker | None, *, marker_is_known: bool) -> Confirmation:
        """Compare the database with the marker; the first call of an installation confirms it."""


class DatabaseOnHold(Exception):
    """The history of the database is not confirmed; the message states why, and what to type."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the history of the database was rolled back ({problem}): run `{COMMAND}` (--dry-run "
            "shows what it does)"
        )
