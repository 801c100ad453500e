"""An order's states, its transitions, and the status its partner sees (contract, section 6)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.assets import Asset, Bounds
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.market.pricing import Conversion, Rate, rate_of, usd_value
from domain.market.rates import RateSnapshot
from domain.orders.deposits import Deposit, Parts

LIFETIME = timedelta(minutes=30)


class RateType(StrEnum):
    """Whether the rate follows the market until the deposit is confirmed, or was promised."""

    FLOAT = "float"
    FIXED = "fixed"


class State(StrEnum):
    """Where an order really is."""

    AWAITING_DEPOSIT = "awaiting_deposit"
    CONFIRMING = "confirming"
    PAYING_OUT = "paying_out"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    HELD = "held"


class Status(StrEnum):
    """Where an order is for its partner."""

    NEW = "NEW"
    PENDING = "PENDING"
    EXCHANGE = "EXCHANGE"
    DONE = "DONE"
    EXPIRED = "EXPIRED"
    EMERGENCY = "EMERGENCY"


STATUS_OF = {
    State.AWAITING_DEPOSIT: Status.NEW,
    State.CONFIRMING: Status.PENDING,
    State.PAYING_OUT: Status.EXCHANGE,
    State.COMPLETED: Status.DONE,
    State.EXPIRED: Status.EXPIRED,
    State.CANCELLED: Status.EXPIRED,
    State.REFUNDED: Status.EXPIRED,
    State.HELD: Status.EMERGENCY,
}

FINAL = frozenset({State.COMPLETED, State.EXPIRED, State.CANCELLED, State.REFUNDED})


PAST_DEPOSITS = FINAL - {State.EXPIRED} | {State.PAYING_OUT}
"""States of orders that have no use for another deposit."""

_UNPAID = frozenset({State.CONFIRMING, State.EXPIRED, State.HELD, State.PAYING_OUT})


class Emergency(StrEnum):
    """Why an order is held."""

    LIMIT = "LIMIT"
    EXPIRED = "EXPIRED"


class Choice(StrEnum):
    """What was chosen for a held order."""

    NONE = "NONE"
    EXCHANGE = "EXCHANGE"
    REFUND = "REFUND"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A swap order. Amounts are in smallest units of `source` and `destination`.

    `source_amount`, `destination_amount` and `rate` are those of the last pricing: at creation,
    and for float orders again when the deposit is confirmed. `choice` is what was chosen for a
    held order: while it is still held, what its partner asks for and settlement hasn't done yet.
    """

    id: UUID
    partner_id: UUID
    code_id: UUID | None
    rate_type: RateType
    state: State
    source: Asset
    destination: Asset
    source_amount: int
    destination_amount: int
    rate: Rate
    network_fee: int
    fee_bps: int
    markup_bps: int
    destination_address: str
    destination_tag: str | None
    refund_address: str
    pay_in_address: str
    pay_in_tag: str | None
    created_at: datetime
    expires_at: datetime
    updated_at: datetime
    worth_usd: int = 0
    """What the source amount was worth when the order was opened, in 10^-18 USD."""
    finished_at: datetime | None = None
    parts: Parts = Parts()
    payout_tx_id: str | None = None
    refund_tx_id: str | None = None
    emergency: tuple[Emergency, ...] = ()
    choice: Choice = Choice.NONE

    @property
    def status(self) -> Status:
        """Return the status its partner sees."""
        return STATUS_OF[self.state]

    @property
    def is_deletable(self) -> bool:
        """Tell whether its user may delete it: it is final, and no deposit is under way."""
        return self.state in FINAL and not self.parts.unconfirmed

    @property
    def deposit(self) -> Deposit | None:
        """Return what was received so far, under its first transaction; None for nothing."""
        counted = self.parts.counted
        return Deposit(counted[0].tx_id, self.parts.total) if counted else None

    def deposit_seen(self, deposit: Deposit, *, at: datetime) -> "Order":
        """Take note of a deposit, or another part of it, that isn't confirmed yet.

        In time it starts the confirming; after expiry the order stays EXPIRED until all of it is
        confirmed. What comes while confirming or held adds up; what comes when the order has gone
        on is kept as a stray. A transaction seen before changes nothing.
        """
        if self.parts.knows(deposit.tx_id):
            return self
        if self.state in PAST_DEPOSITS:
            strayed = self.parts.with_seen(deposit, at=at, stray=True)
            return msgspec.structs.replace(self, parts=strayed)
        parts = self.parts.with_seen(deposit, at=at)
        if self.state is State.HELD:
            return msgspec.structs.replace(self, parts=parts, updated_at=at)
        if self.state is State.CONFIRMING or (
            self.state is State.AWAITING_DEPOSIT and at <= self.expires_at
        ):
            return self._moved(State.CONFIRMING, at=at, parts=parts)
        return self._moved(State.EXPIRED, at=at, parts=parts, finished_at=self.finished_at or at)

    def deposits_confirmed(
        self,
        deposits: Collection[Deposit],
        *,
        snapshot: RateSnapshot,
        bounds: Bounds,
        at: datetime,
    ) -> "Order":
        """Take note that parts are confirmed, with the amounts they really have.

        Once all parts are, the order goes on to the payout, or is held: a late one always, one in
        time where it is out of bounds. Parts confirmed before change nothing; parts that were never
        seen raise InvalidTransition, and so does none at all.
        """
        if not deposits or not all(self.parts.knows(deposit.tx_id) for deposit in deposits):
            raise self._refused("confirm a deposit")
        parts = self.parts.with_confirmed(deposits, at=at)
        order = msgspec.structs.replace(self, parts=parts)
        if not parts.settled:
            return order
        if self.state is State.EXPIRED:
            return order._held(Emergency.EXPIRED, at=at)
        if self.state is State.CONFIRMING:
            return order._all_confirmed(snapshot, bounds, at=at)
        return order

    def _all_confirmed(self, snapshot: RateSnapshot, bounds: Bounds, *, at: datetime) -> "Order":
        amount = self.parts.total
        full = amount == self.source_amount
        if self.rate_type is RateType.FIXED and full and self.parts.seen_by(self.expires_at):
            return self._moved(State.PAYING_OUT, at=at)
        priced = self._priced(amount, snapshot)
        worth = usd_value(amount, snapshot.price(self.source.coin), self.source)
        out_of_bounds = worth.is_below(bounds.min_usd) or worth.is_above(bounds.max_usd)
        chosen = self.choice is Choice.EXCHANGE  # before its block was left behind: asked once
        if (out_of_bounds and not full and not chosen) or priced.destination_amount == 0:
            return self._held(Emergency.LIMIT, at=at)
        return priced._moved(State.PAYING_OUT, at=at)

    def deposits_unconfirmed(self, tx_ids: Collection[str], *, at: datetime) -> "Order":
        """Have parts be confirmed anew, whose block their chain has left behind.

        An order that isn't paid out yet waits for them again; a final one isn't changed.
        """
        if self.state not in _UNPAID:
            raise self._refused("wait for its deposit again")
        parts = self.parts.with_unconfirmed(tx_ids)
        if self.state is State.PAYING_OUT:
            return self._moved(State.CONFIRMING, at=at, parts=parts)
        return msgspec.structs.replace(self, parts=parts)

    def deposits_vanished(self, tx_ids: Collection[str], *, at: datetime) -> "Order":
        """Take note that unconfirmed parts are gone for good, as far as can be told.

        With nothing left the order waits for a deposit as before, or has expired meanwhile.
        """
        gone = {part.tx_id for part in self.parts.unconfirmed if part.tx_id in tx_ids}
        parts = self.parts.with_vanished(gone)
        if parts.counted or self.state not in (State.CONFIRMING, State.HELD):
            return msgspec.structs.replace(self, parts=parts)
        if self.state is State.CONFIRMING and at <= self.expires_at:
            return self._moved(State.AWAITING_DEPOSIT, at=at, parts=parts)
        return self._moved(State.EXPIRED, at=at, parts=parts, choice=Choice.NONE, finished_at=at)

    def payout_broadcast(self, tx_id: str, *, at: datetime) -> "Order":
        """Finish: the payout is on its way."""
        if self.state is not State.PAYING_OUT:
            raise self._refused("be paid out")
        return self._moved(State.COMPLETED, at=at, payout_tx_id=tx_id, finished_at=at)

    def transaction_replaced(self, tx_id: str, *, at: datetime) -> "Order":
        """Take note that another transaction is the one that pays, or sends back, what was due."""
        if tx_id in (self.payout_tx_id, self.refund_tx_id):
            return self
        if self.state is State.COMPLETED:
            return self._moved(self.state, at=at, payout_tx_id=tx_id)
        if self.state is State.REFUNDED:
            return self._moved(self.state, at=at, refund_tx_id=tx_id)
        raise self._refused("have its transaction replaced")

    def outpays(self, snapshot: RateSnapshot, *, tolerance_bps: int) -> bool:
        """Tell whether the payout is worth that much more than what was received, at these prices.

        Raises Unavailable where one of the two coins has no price.
        """
        received = usd_value(self.parts.total, snapshot.price(self.source.coin), self.source)
        due = usd_value(
            self.destination_amount, snapshot.price(self.destination.coin), self.destination
        )
        return due.usd() * 10_000 > received.usd() * (10_000 + tolerance_bps)

    def expired(self, *, at: datetime) -> "Order":
        """Give up waiting for a deposit."""
        if self.state is not State.AWAITING_DEPOSIT:
            raise self._refused("expire")
        return self._moved(State.EXPIRED, at=at, finished_at=at)

    def covers_network_fee(self, snapshot: RateSnapshot) -> bool:
        """Tell whether what was received is worth more than its payout costs."""
        return self._priced(self.parts.total, snapshot).destination_amount > 0

    def exchange_chosen(
        self, *, snapshot: RateSnapshot, at: datetime, overrule: bool = False
    ) -> "Order":
        """Carry a held order on at the live rate, with what was received.

        Raises EmergencyInvalidChoice where that doesn't cover the network fee, or where its
        partner has chosen otherwise, unless `overrule`.
        """
        self._check_resolvable("exchanged", Choice.EXCHANGE, overrule=overrule)
        priced = self._priced(self.parts.total, snapshot)
        if priced.destination_amount == 0:
            raise EmergencyInvalidChoice("the deposit doesn't cover the network fee")
        return priced._moved(State.PAYING_OUT, at=at, choice=Choice.EXCHANGE)

    def refunded(self, tx_id: str, *, at: datetime, overrule: bool = False) -> "Order":
        """End a held order by sending all that was received back; raises as above."""
        self._check_resolvable("refunded", Choice.REFUND, overrule=overrule)
        return self._moved(
            State.REFUNDED, at=at, choice=Choice.REFUND, refund_tx_id=tx_id, finished_at=at
        )

    def cancelled(self, *, at: datetime, overrule: bool = False) -> "Order":
        """End an order that nobody has paid for, or a held one without doing anything.

        Raises EmergencyInvalidChoice where its partner has chosen, unless `overrule`.
        """
        if self.state is State.HELD:
            self._check_chosen(Choice.NONE, overrule=overrule)
        elif self.state is not State.AWAITING_DEPOSIT:
            raise self._refused("be cancelled")
        return self._moved(State.CANCELLED, at=at, choice=Choice.NONE, finished_at=at)

    def choice_withdrawn(self, *, at: datetime) -> "Order":
        """Have a held order be chosen for again: what was chosen can't be done."""
        if self.state is not State.HELD:
            raise self._refused("be chosen for")
        return msgspec.structs.replace(self, choice=Choice.NONE, updated_at=at)

    def _check_resolvable(self, how: str, choice: Choice, *, overrule: bool) -> None:
        if self.state is not State.HELD:
            raise self._refused(f"be {how}")
        if not self.parts.settled:
            raise InvalidTransition(f"not all of the deposit is confirmed: it can't be {how} yet")
        self._check_chosen(choice, overrule=overrule)

    def _check_chosen(self, choice: Choice, *, overrule: bool) -> None:
        if self.choice not in (Choice.NONE, choice) and not overrule:
            raise EmergencyInvalidChoice(f"the partner has chosen {self.choice}")

    def _priced(self, amount: int, snapshot: RateSnapshot) -> "Order":
        rate = rate_of(
            source_price=snapshot.price(self.source.coin),
            destination_price=snapshot.price(self.destination.coin),
            margin_bps=self.fee_bps + self.markup_bps,
        )
        conversion = Conversion(
            rate,
            network_fee=self.network_fee,
            source=self.source,
            destination=self.destination,
        )
        return msgspec.structs.replace(
            self, source_amount=amount, destination_amount=conversion.paid_for(amount), rate=rate
        )

    def _held(self, reason: Emergency, *, at: datetime) -> "Order":
        return self._moved(
            State.HELD, at=at, emergency=(reason,), choice=Choice.NONE, finished_at=None
        )

    def _moved(self, state: State, *, at: datetime, **changes: object) -> "Order":
        if state is not State.HELD:
            changes.setdefault("emergency", ())
        return msgspec.structs.replace(self, state=state, updated_at=at, **changes)

    def _refused(self, what: str) -> InvalidTransition:
        return InvalidTransition(f"an order that is {self.state} can't {what}")
