"""An order's states, its transitions, and the status its partner sees (contract, section 6)."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.assets import Asset, Bounds
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.pricing import Rate, destination_for, rate_of, usd_value
from domain.rates import RateSnapshot

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


class Emergency(StrEnum):
    """Why an order is held."""

    LIMIT = "LIMIT"
    EXPIRED = "EXPIRED"


class Choice(StrEnum):
    """What was chosen for a held order."""

    NONE = "NONE"
    EXCHANGE = "EXCHANGE"
    REFUND = "REFUND"


class Deposit(msgspec.Struct, frozen=True):
    """A deposit as its chain shows it: transaction id and amount in smallest units."""

    tx_id: str
    amount: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A swap order. Amounts are in smallest units of `source` and `destination`.

    `source_amount`, `destination_amount` and `rate` are those of the last pricing: at creation,
    and for float orders again when the deposit is confirmed.
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
    deposit: Deposit | None = None
    payout_tx_id: str | None = None
    refund_tx_id: str | None = None
    emergency: tuple[Emergency, ...] = ()
    choice: Choice = Choice.NONE

    @property
    def status(self) -> Status:
        """Return the status its partner sees."""
        return STATUS_OF[self.state]

    def deposit_seen(self, deposit: Deposit, *, at: datetime) -> "Order":
        """Take note of a deposit that isn't confirmed yet.

        In time it starts the confirming; after expiry the order stays EXPIRED until the deposit
        is confirmed. Raises InvalidTransition where a deposit changes nothing any more.
        """
        if self.deposit is not None or self.state not in (State.AWAITING_DEPOSIT, State.EXPIRED):
            raise self._refused("take a deposit")
        if self.state is State.AWAITING_DEPOSIT and at <= self.expires_at:
            return self._moved(State.CONFIRMING, at=at, deposit=deposit)
        return self._moved(
            State.EXPIRED, at=at, deposit=deposit, finished_at=self.finished_at or at
        )

    def deposit_confirmed(
        self, amount: int, *, snapshot: RateSnapshot, bounds: Bounds, at: datetime
    ) -> "Order":
        """Go on to the payout with the `amount` really received, or be held.

        A float order is priced anew. A fixed one keeps its rate if the full amount came in time.
        """
        if self.deposit is None or self.state not in (State.CONFIRMING, State.EXPIRED):
            raise self._refused("confirm a deposit")
        received = msgspec.structs.replace(
            self, deposit=msgspec.structs.replace(self.deposit, amount=amount)
        )
        if self.state is State.EXPIRED:
            return received._held(Emergency.EXPIRED, at=at)
        full = amount == self.source_amount
        if self.rate_type is RateType.FIXED and full:
            return received._moved(State.PAYING_OUT, at=at)
        priced = received._priced(amount, snapshot)
        worth = usd_value(amount, snapshot.price(self.source.coin), self.source)
        out_of_bounds = worth.is_below(bounds.min_usd) or worth.is_above(bounds.max_usd)
        if (out_of_bounds and not full) or priced.destination_amount == 0:
            return received._held(Emergency.LIMIT, at=at)
        return priced._moved(State.PAYING_OUT, at=at)

    def payout_broadcast(self, tx_id: str, *, at: datetime) -> "Order":
        """Finish: the payout is on its way."""
        if self.state is not State.PAYING_OUT:
            raise self._refused("be paid out")
        return self._moved(State.COMPLETED, at=at, payout_tx_id=tx_id, finished_at=at)

    def expired(self, *, at: datetime) -> "Order":
        """Give up waiting for a deposit."""
        if self.state is not State.AWAITING_DEPOSIT:
            raise self._refused("expire")
        return self._moved(State.EXPIRED, at=at, finished_at=at)

    def exchange_chosen(self, *, snapshot: RateSnapshot, at: datetime) -> "Order":
        """Carry a held order on at the live rate, with what was received."""
        if self.state is not State.HELD or self.deposit is None:
            raise self._refused("be exchanged")
        priced = self._priced(self.deposit.amount, snapshot)
        if priced.destination_amount == 0:
            raise EmergencyInvalidChoice("the deposit doesn't cover the network fee")
        return priced._moved(State.PAYING_OUT, at=at, choice=Choice.EXCHANGE)

    def refunded(self, tx_id: str, *, at: datetime) -> "Order":
        """End a held order by sending the deposit back."""
        if self.state is not State.HELD:
            raise self._refused("be refunded")
        return self._moved(
            State.REFUNDED, at=at, choice=Choice.REFUND, refund_tx_id=tx_id, finished_at=at
        )

    def cancelled(self, *, at: datetime) -> "Order":
        """End an order that nobody has paid for."""
        if self.state is not State.AWAITING_DEPOSIT:
            raise self._refused("be cancelled")
        return self._moved(State.CANCELLED, at=at, finished_at=at)

    def _priced(self, amount: int, snapshot: RateSnapshot) -> "Order":
        rate = rate_of(
            source_price=snapshot.price(self.source.coin),
            destination_price=snapshot.price(self.destination.coin),
            margin_bps=self.fee_bps + self.markup_bps,
        )
        destination_amount = destination_for(
            amount,
            rate=rate,
            network_fee=self.network_fee,
            source=self.source,
            destination=self.destination,
        )
        return msgspec.structs.replace(
            self, source_amount=amount, destination_amount=destination_amount, rate=rate
        )

    def _held(self, reason: Emergency, *, at: datetime) -> "Order":
        return self._moved(State.HELD, at=at, emergency=(reason,), finished_at=None)

    def _moved(self, state: State, *, at: datetime, **changes: object) -> "Order":
        if state is not State.HELD:
            changes.setdefault("emergency", ())
        return msgspec.structs.replace(self, state=state, updated_at=at, **changes)

    def _refused(self, what: str) -> InvalidTransition:
        return InvalidTransition(f"an order that is {self.state} can't {what}")
