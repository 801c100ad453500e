"""What came in for an order: the parts of its deposit, one transaction each."""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec


class Deposit(msgspec.Struct, frozen=True):
    """A deposit as its chain shows it: transaction id and amount in smallest units."""

    tx_id: str
    amount: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit as its order keeps it.

    A stray one came when the order had no use for it any more: the partner isn't told of it, and
    the operator has to deal with it. A vanished one is on no chain any more, nor on its way: it was
    replaced, or its block was left behind; it counts for nothing unless it is seen again.
    """

    tx_id: str
    amount: int
    seen_at: datetime
    confirmed_at: datetime | None = None
    stray: bool = False
    vanished: bool = False


class Parts(msgspec.Struct, frozen=True):
    """All parts of an order's deposit, in the order they were seen."""

    all: tuple[Part, ...] = ()

    @property
    def counted(self) -> tuple[Part, ...]:
        """Return the parts that are swapped or sent back: all but strays and vanished ones."""
        return tuple(part for part in self.all if not part.stray and not part.vanished)

    @property
    def strays(self) -> tuple[Part, ...]:
        """Return the parts that came too late for anything."""
        return tuple(part for part in self.all if part.stray)

    @property
    def unconfirmed(self) -> tuple[Part, ...]:
        """Return what its chain hasn't confirmed yet, strays included."""
        return tuple(part for part in self.all if part.confirmed_at is None and not part.vanished)

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
        """Tell whether this transaction was seen, and hasn't vanished."""
        return any(part.tx_id == tx_id and not part.vanished for part in self.all)

    def with_seen(self, deposit: Deposit, *, at: datetime, stray: bool = False) -> "Parts":
        """Return these and one more, in the place of the one that had vanished if it is that."""
        seen = Part(tx_id=deposit.tx_id, amount=deposit.amount, seen_at=at, stray=stray)
        if any(part.tx_id == deposit.tx_id for part in self.all):
            return Parts(tuple(seen if part.tx_id == deposit.tx_id else part for part in self.all))
        return Parts((*self.all, seen))

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

    def with_unconfirmed(self, tx_ids: Collection[str]) -> "Parts":
        """Return these with some that their chain has to confirm anew."""
        return Parts(
            tuple(
                msgspec.structs.replace(part, confirmed_at=None) if part.tx_id in tx_ids else part
                for part in self.all
            )
        )

    def with_vanished(self, tx_ids: Collection[str]) -> "Parts":
        """Return these with some that are on no chain any more."""
        return Parts(
            tuple(
                msgspec.structs.replace(part, confirmed_at=None, vanished=True)
                if part.tx_id in tx_ids
                else part
                for part in self.all
            )
        )
