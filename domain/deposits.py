"""What came in for an order: the parts of its deposit, one transaction each."""

from collections.abc import Iterable
from datetime import datetime

import msgspec


class Deposit(msgspec.Struct, frozen=True):
    """A deposit as its chain shows it: transaction id and amount in smallest units."""

    tx_id: str
    amount: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit as its order keeps it.

    A stray one came when the order had no use for it any more: the partner isn't told of it, and
    the operator has to deal with it.
    """

    tx_id: str
    amount: int
    seen_at: datetime
    confirmed_at: datetime | None = None
    stray: bool = False


class Parts(msgspec.Struct, frozen=True):
    """All parts of an order's deposit, in the order they were seen."""

    all: tuple[Part, ...] = ()

    @property
    def counted(self) -> tuple[Part, ...]:
        """Return the parts that are swapped or sent back: all but strays."""
        return tuple(part for part in self.all if not part.stray)

    @property
    def strays(self) -> tuple[Part, ...]:
        """Return the parts that came too late for anything."""
        return tuple(part for part in self.all if part.stray)

    @property
    def unconfirmed(self) -> tuple[Part, ...]:
        """Return what its chain hasn't confirmed yet, strays included."""
        return tuple(part for part in self.all if part.confirmed_at is None)

    @property
    def total(self) -> int:
        """Return what has been received so far, confirmed or not, in smallest units."""
        return sum(part.amount for part in self.counted)

    @property
    def settled(self) -> bool:
        """Tell whether all that counts is confirmed; so it is where there is nothing."""
        return all(part.confirmed_at is not None for part in self.counted)

    def seen_by(self, moment: datetime) -> bool:
        """Tell whether all that counts was seen by then."""
        return all(part.seen_at <= moment for part in self.counted)

    def knows(self, tx_id: str) -> bool:
        """Tell whether this transaction was seen."""
        return any(part.tx_id == tx_id for part in self.all)

    def with_seen(self, deposit: Deposit, *, at: datetime, stray: bool = False) -> "Parts":
        """Return these and one more."""
        part = Part(tx_id=deposit.tx_id, amount=deposit.amount, seen_at=at, stray=stray)
        return Parts((*self.all, part))

    def with_confirmed(self, deposits: Iterable[Deposit], *, at: datetime) -> "Parts":
        """Return these with the amounts that were confirmed; what was confirmed before stays."""
        amounts = {deposit.tx_id: deposit.amount for deposit in deposits}
        return Parts(
            tuple(
                msgspec.structs.replace(part, amount=amounts[part.tx_id], confirmed_at=at)
                if part.confirmed_at is None and part.tx_id in amounts
                else part
                for part in self.all
            )
        )
