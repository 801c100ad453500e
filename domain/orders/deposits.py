"""The deposits of an order, one per transaction."""

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec


class ObservedDeposit(msgspec.Struct, frozen=True):
    """A deposit as its chain reports it: transaction id and amount in smallest units."""

    tx_id: str
    amount: int


class Deposit(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit as recorded for its order.

    A late deposit arrived after the order could use it: the partner is not notified, and the
    operator has to handle it. A dropped deposit is neither on its chain nor pending any more: it
    was replaced, or its block was orphaned. It counts for nothing unless it is observed again.
    `confirmations` is what was last counted of one that is unconfirmed.
    """

    tx_id: str
    amount: int
    seen_at: datetime
    confirmed_at: datetime | None = None
    late: bool = False
    dropped: bool = False
    confirmations: int = 0


class Deposits(msgspec.Struct, frozen=True):
    """All deposits of an order, in the order in which they were first observed."""

    all: tuple[Deposit, ...] = ()

    @property
    def counted(self) -> tuple[Deposit, ...]:
        """Return the deposits that are swapped or refunded: neither late nor dropped."""
        return tuple([one for one in self.all if not one.late and not one.dropped])

    @property
    def late(self) -> tuple[Deposit, ...]:
        """Return the late deposits."""
        return tuple(one for one in self.all if one.late)

    @property
    def unconfirmed(self) -> tuple[Deposit, ...]:
        """Return the deposits that await confirmation, late ones included."""
        return tuple(one for one in self.all if one.confirmed_at is None and not one.dropped)

    @property
    def total(self) -> int:
        """Return the sum of the counted deposits, confirmed or not, in smallest units."""
        return sum([one.amount for one in self.counted])

    @property
    def settled(self) -> bool:
        """Return whether all counted deposits are confirmed; True without any."""
        return all(one.confirmed_at is not None for one in self.counted)

    def confirmations(self, required: int) -> int | None:
        """Return the confirmations of the counted deposit that has fewest; None without any.

        They are counted up to `required`, which every confirmed deposit has.
        """
        counted = self.counted
        if not counted:
            return None
        return min(
            [
                required if one.confirmed_at is not None else min(one.confirmations, required)
                for one in counted
            ]
        )

    def total_in_time(self, *, seen_by: datetime, confirmed_by: datetime) -> int:
        """Return the sum of the counted deposits observed and confirmed by these times."""
        return sum(
            one.amount
            for one in self.counted
            if one.confirmed_at is not None
            and one.seen_at <= seen_by
            and one.confirmed_at <= confirmed_by
        )

    def knows(self, tx_id: str) -> bool:
        """Return whether this transaction is recorded and not dropped."""
        return any(one.tx_id == tx_id and not one.dropped for one in self.all)

    def was_late(self, tx_id: str) -> bool:
        """Return whether this transaction is recorded as late, dropped or not."""
        return any(one.tx_id == tx_id for one in self.late)

    def with_seen(
        self, observed: ObservedDeposit, *, at: datetime, late: bool = False
    ) -> "Deposits":
        """Return these and a new deposit; a dropped one of the same transaction is replaced."""
        seen = Deposit(tx_id=observed.tx_id, amount=observed.amount, seen_at=at, late=late)
        if any(one.tx_id == seen.tx_id for one in self.all):
            return Deposits(tuple(seen if one.tx_id == seen.tx_id else one for one in self.all))
        return Deposits((*self.all, seen))

    def with_confirmed(self, confirmed: Iterable[ObservedDeposit], *, at: datetime) -> "Deposits":
        """Return these with the confirmed amounts; deposits confirmed before are unchanged."""
        amounts = {one.tx_id: one.amount for one in confirmed}
        return Deposits(
            tuple(
                msgspec.structs.replace(one, amount=amounts[one.tx_id], confirmed_at=at)
                if one.confirmed_at is None and one.tx_id in amounts
                else one
                for one in self.all
            )
        )

    def with_unconfirmed(self, tx_ids: Collection[str]) -> "Deposits":
        """Return these with some that have to be confirmed again."""
        return Deposits(
            tuple(
                msgspec.structs.replace(one, confirmed_at=None) if one.tx_id in tx_ids else one
                for one in self.all
            )
        )

    def with_dropped(self, tx_ids: Collection[str]) -> "Deposits":
        """Return these with some marked as dropped."""
        return Deposits(
            tuple(
                msgspec.structs.replace(one, confirmed_at=None, dropped=True)
                if one.tx_id in tx_ids
                else one
                for one in self.all
            )
        )
