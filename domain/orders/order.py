"""A swap order and its transitions (contract, section 6)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from domain.assets import Asset
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.market.conversion import Conversion, Rate, rate_of
from domain.market.fees import Margin
from domain.market.rates import RateSnapshot
from domain.market.valuation import UsdValue, usd_value
from domain.orders.deposits import Deposits, ObservedDeposit
from domain.orders.fixed_rate import Received, settled_rate, settles_as_agreed
from domain.orders.references import References
from domain.orders.states import (
    DEPOSITS_CLOSED,
    FINAL,
    NOT_PAID_OUT,
    STATUS_OF,
    Choice,
    Emergency,
    RateType,
    State,
    Status,
)
from domain.orders.terms import SettlementTerms

LIFETIME = timedelta(minutes=30)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A swap order. Amounts are in smallest units of `source` and `destination`.

    `source_amount`, `destination_amount` and `rate` are those of the last pricing: at creation,
    and unless exactly the agreed amount was received again when the deposits are confirmed. What
    was received beyond the source amount of a completed order is refunded (see Excess). `choice` is
    what was chosen for a held order; while it is still held, settlement has yet to execute it.
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
    refund_tag: str | None = None
    references: References = References()
    pay_in_address: str
    pay_in_tag: str | None
    created_at: datetime
    expires_at: datetime
    updated_at: datetime
    worth_usd: int = 0
    """The value of the source amount when the order was created, in 10^-18 USD."""
    finished_at: datetime | None = None
    deposits: Deposits = Deposits()
    payout_tx_id: str | None = None
    refund_tx_id: str | None = None
    emergency: tuple[Emergency, ...] = ()
    choice: Choice = Choice.NONE
    has_outflow: bool = False
    """Whether an outflow is intended or sent, which locks the order: settlement alone knows."""

    @property
    def status(self) -> Status:
        """Return the status its partner sees."""
        return STATUS_OF[self.state]

    @property
    def margin(self) -> Margin:
        """Return the margin that its rate contains."""
        return Margin(self.fee_bps, self.markup_bps)

    @property
    def is_deletable(self) -> bool:
        """Return whether its user may delete it: it is final, and no deposit is unconfirmed."""
        return self.state in FINAL and not self.deposits.unconfirmed

    @property
    def received(self) -> ObservedDeposit | None:
        """Return the total received under the first deposit's transaction id; None without any."""
        counted = self.deposits.counted
        return ObservedDeposit(counted[0].tx_id, self.deposits.total) if counted else None

    def not_allowed(self, action: str) -> InvalidTransition:
        """Return the error that the order's state does not allow an action."""
        return InvalidTransition(f"an order in {self.status} ({self.state}) cannot {action}")

    def is_too_small(self, amount: int) -> bool:
        """Return whether a deposit counts for nothing: anyone can send dust to any address."""
        return amount < min(self.source.min_deposit, self.source_amount)

    def has_no_use_for(self, tx_id: str) -> bool:
        """Return whether only the operator can refund a deposit: it is late, or of no use now."""
        cancelled = self.state is State.CANCELLED and self.deposits.knows(tx_id)
        return cancelled or self.deposits.was_late(tx_id)

    def deposit_seen(
        self, deposit: ObservedDeposit, *, at: datetime, since: datetime | None = None
    ) -> "Order":
        """Record an unconfirmed deposit.

        It counts from `since`, the time that its chain states, but not from before the order's
        creation or after `at`; from `at` without one. That time decides whether it is in time.
        Before expiry it moves the order to CONFIRMING; after expiry the order stays EXPIRED until
        all deposits are confirmed. Deposits while confirming or held are added up; a deposit after
        that is recorded as late, and stays late if it is dropped and observed again: its refund may
        be approved. A transaction that is already recorded changes nothing, and neither does one
        that is too small to count.
        """
        if self.deposits.knows(deposit.tx_id) or self.is_too_small(deposit.amount):
            return self
        seen_at = at if since is None else min(max(since, self.created_at), at)
        if self.state in DEPOSITS_CLOSED or self.deposits.was_late(deposit.tx_id):
            with_late = self.deposits.with_seen(deposit, at=seen_at, late=True)
            return msgspec.structs.replace(self, deposits=with_late)
        deposits = self.deposits.with_seen(deposit, at=seen_at)
        if self.state is State.HELD:
            return msgspec.structs.replace(self, deposits=deposits, updated_at=at)
        if self.state is State.CONFIRMING or (
            self.state is State.AWAITING_DEPOSIT and seen_at <= self.expires_at
        ):
            return self._moved(State.CONFIRMING, at=at, deposits=deposits)
        return self._moved(
            State.EXPIRED, at=at, deposits=deposits, finished_at=self.finished_at or at
        )

    def deposits_confirmed(
        self,
        confirmed: Collection[ObservedDeposit],
        *,
        terms: SettlementTerms,
        at: datetime,
        hold: bool = False,
    ) -> "Order":
        """Record the confirmation of deposits, with their final amounts.

        Once all deposits are confirmed, the order proceeds to the payout or is held: always after
        expiry, otherwise where the total is out of bounds, where no amount can be paid out, and
        with `hold`. Deposits confirmed before change nothing. Raises InvalidTransition for a
        deposit that was never observed, and for none.
        """
        if not confirmed or not all(self.deposits.knows(one.tx_id) for one in confirmed):
            raise self.not_allowed("confirm a deposit")
        deposits = self.deposits.with_confirmed(confirmed, at=at)
        order = msgspec.structs.replace(self, deposits=deposits)
        if not deposits.settled or not deposits.counted:
            return order
        if self.state is State.EXPIRED:
            return order._held(Emergency.EXPIRED, at=at)
        if self.state is State.CONFIRMING:
            return order._all_confirmed(terms, at=at, hold=hold)
        return order

    def _all_confirmed(self, terms: SettlementTerms, *, at: datetime, hold: bool) -> "Order":
        priced = self._settled(terms)
        # After a reorganization deposits are confirmed again: the choice made before stands.
        chosen = self.choice is Choice.EXCHANGE
        changed = priced.source_amount != self.source_amount
        out_of_bounds = changed and self._is_out_of_bounds(terms)
        if hold or not priced.is_payable or (out_of_bounds and not chosen):
            return self._held(Emergency.LIMIT, at=at)
        return priced._moved(State.PAYING_OUT, at=at)

    def _settled(self, terms: SettlementTerms) -> "Order":
        """Return the order priced for its deposits, all confirmed."""
        total, live = self.deposits.total, self._live_rate(terms.snapshot)
        if self.rate_type is RateType.FLOAT:
            return self._priced(total, live)
        in_time = self.deposits.total_in_time(
            seen_by=self.expires_at,
            confirmed_by=self.expires_at + terms.fixed_rates.confirm_within,
        )
        received = Received(self.source_amount, in_time, total)
        if settles_as_agreed(received, source=self.source, excess=terms.fixed_rates.excess):
            return self  # also where rounding the rate would yield a unit more
        rate = settled_rate(
            self.rate, live, received, source=self.source, destination=self.destination
        )
        return self._priced(total, rate)

    def _is_out_of_bounds(self, terms: SettlementTerms) -> bool:
        """Return whether the deposits' total is out of bounds; the agreed amount never is."""
        worth, bounds = self._deposits_worth(terms.snapshot), terms.bounds
        return worth.is_below(bounds.min_usd) or worth.is_above(bounds.max_usd)

    def deposits_unconfirmed(self, tx_ids: Collection[str], *, at: datetime) -> "Order":
        """Record that the blocks of deposits were orphaned: they have to be confirmed again.

        An order that is not paid out yet waits for them; raises InvalidTransition for others, and
        for one whose payout is intended: that has to be cancelled first. No order waits for
        deposits that it has no use for.
        """
        if tx_ids and all(self.has_no_use_for(one) for one in tx_ids):
            return msgspec.structs.replace(self, deposits=self.deposits.with_unconfirmed(tx_ids))
        if self.state not in NOT_PAID_OUT or self.has_outflow:
            raise self.not_allowed("wait for its deposit again")
        deposits = self.deposits.with_unconfirmed(tx_ids)
        if self.state is State.PAYING_OUT:
            return self._moved(State.CONFIRMING, at=at, deposits=deposits)
        return msgspec.structs.replace(self, deposits=deposits)

    def deposits_dropped(self, tx_ids: Collection[str], *, at: datetime) -> "Order":
        """Record that unconfirmed deposits are neither on their chain nor pending any more.

        Without any deposit left the order awaits one as before, or expires if its time has passed.
        """
        dropped = {one.tx_id for one in self.deposits.unconfirmed if one.tx_id in tx_ids}
        deposits = self.deposits.with_dropped(dropped)
        if deposits.counted or self.state not in (State.CONFIRMING, State.HELD):
            return msgspec.structs.replace(self, deposits=deposits)
        if self.state is State.CONFIRMING and at <= self.expires_at:
            return self._moved(State.AWAITING_DEPOSIT, at=at, deposits=deposits)
        return self._moved(
            State.EXPIRED, at=at, deposits=deposits, choice=Choice.NONE, finished_at=at
        )

    def payout_broadcast(self, tx_id: str, *, at: datetime) -> "Order":
        """Complete the order: its payout has been broadcast."""
        if self.state is not State.PAYING_OUT:
            raise self.not_allowed("be paid out")
        return self._moved(State.COMPLETED, at=at, payout_tx_id=tx_id, finished_at=at)

    def payout_stopped(self, *, refund: bool, at: datetime) -> "Order":
        """Hold an order whose payout is not sent, to be refunded if `refund`.

        The operator makes sure that no payout is intended; the partner sees it as out of limits.
        """
        if self.state is not State.PAYING_OUT:
            raise self.not_allowed("have its payout stopped")
        choice = Choice.REFUND if refund else Choice.NONE
        return self._moved(State.HELD, at=at, emergency=(Emergency.LIMIT,), choice=choice)

    def transaction_replaced(self, tx_id: str, *, at: datetime, is_refund: bool = False) -> "Order":
        """Record the transaction that replaced the payout's or the refund's.

        A completed order is refunded in place of a voided payout; it stays completed (contract,
        section 6: DONE is final).
        """
        if tx_id in (self.payout_tx_id, self.refund_tx_id):
            return self
        if self.state is State.COMPLETED and not is_refund:
            return self._moved(self.state, at=at, payout_tx_id=tx_id)
        if self.state in (State.COMPLETED, State.REFUNDED):
            return self._moved(self.state, at=at, refund_tx_id=tx_id)
        raise self.not_allowed("have its transaction replaced")

    def expired(self, *, at: datetime) -> "Order":
        """Expire an order without a deposit."""
        if self.state is not State.AWAITING_DEPOSIT:
            raise self.not_allowed("expire")
        return self._moved(State.EXPIRED, at=at, finished_at=at)

    @property
    def is_payable(self) -> bool:
        """Return whether its network forwards a payment of the payout's amount."""
        return self.destination_amount >= self.destination.least_payment

    def exceeds_maximum(self, terms: SettlementTerms) -> bool:
        """Return whether more than agreed was received, worth more than the pair's maximum."""
        worth = self._deposits_worth(terms.snapshot)
        return self.deposits.total > self.source_amount and worth.is_above(terms.bounds.max_usd)

    def exchange_problem(
        self, terms: SettlementTerms, *, above_maximum: bool = False
    ) -> str | None:
        """Return why the deposits cannot be exchanged at the live rate; None if they can.

        `above_maximum` permits more than the pair's maximum.
        """
        exchanged = self._exchanged(terms.snapshot)
        if exchanged.destination_amount == 0:
            return "the deposit doesn't cover the network fee"
        if not exchanged.is_payable:
            return "the payout would be below the dust limit of its network"
        if self.exceeds_maximum(terms) and not above_maximum:
            return (
                "the deposit is worth more than the pair's maximum: it needs the operator's consent"
            )
        return None

    @property
    def refund_problem(self) -> str | None:
        """Return why its refund cannot be sent; None if it can."""
        return self.source.refund_problem(self.refund_received)

    @property
    def refund_received(self) -> int:
        """Return what its refund is for: the excess of a completed order has one of its own."""
        return self.exchanged if self.state is State.COMPLETED else self.deposits.total

    @property
    def exchanged(self) -> int:
        """Return the part of its deposits that its payout is for, without what is sent back."""
        return min(self.deposits.total, self.source_amount)

    def exchange_chosen(
        self,
        *,
        terms: SettlementTerms,
        at: datetime,
        overrule: bool = False,
        above_maximum: bool = False,
    ) -> "Order":
        """Resume a held order at the live rate with the amount received.

        Raises InvalidTransition, and EmergencyInvalidChoice where `exchange_problem` names a
        problem, or where its partner has chosen otherwise, unless `overrule`.
        """
        self._check_resolvable("exchanged", Choice.EXCHANGE, overrule=overrule)
        problem = self.exchange_problem(terms, above_maximum=above_maximum)
        if problem is not None:
            raise EmergencyInvalidChoice(problem)
        exchanged = self._exchanged(terms.snapshot)
        return exchanged._moved(State.PAYING_OUT, at=at, choice=Choice.EXCHANGE)

    def refunded(self, tx_id: str, *, at: datetime, overrule: bool = False) -> "Order":
        """End an order whose whole deposit was sent back; raises as `exchange_chosen`.

        An order in REFUNDING is locked for exactly this, so that it is never rejected.
        """
        if self.state is not State.REFUNDING:
            self._check_resolvable("refunded", Choice.REFUND, overrule=overrule)
        return self._moved(
            State.REFUNDED, at=at, choice=Choice.REFUND, refund_tx_id=tx_id, finished_at=at
        )

    def cancelled(self, *, at: datetime, overrule: bool = False) -> "Order":
        """End an order without a deposit, or a held one without a payout or a refund.

        Raises EmergencyInvalidChoice where its partner has made a choice, unless `overrule`.
        """
        if self.state is State.HELD:
            self._check_choice(Choice.NONE, overrule=overrule)
        elif self.state is not State.AWAITING_DEPOSIT:
            raise self.not_allowed("be cancelled")
        return self._moved(State.CANCELLED, at=at, choice=Choice.NONE, finished_at=at)

    def choice_reset(self, *, at: datetime) -> "Order":
        """Discard the choice of a held order because it cannot be executed."""
        if self.state is not State.HELD:
            raise self.not_allowed("have its choice reset")
        return msgspec.structs.replace(self, choice=Choice.NONE, updated_at=at)

    def _check_resolvable(self, action: str, choice: Choice, *, overrule: bool) -> None:
        if self.state is not State.HELD:
            raise self.not_allowed(f"be {action}")
        if not self.deposits.settled:
            raise InvalidTransition(
                f"not all of the deposit is confirmed: it can't be {action} yet"
            )
        self._check_choice(choice, overrule=overrule)

    def _check_choice(self, choice: Choice, *, overrule: bool) -> None:
        if self.choice not in (Choice.NONE, choice) and not overrule:
            raise EmergencyInvalidChoice(f"the partner has chosen {self.choice}")

    def _deposits_worth(self, snapshot: RateSnapshot) -> UsdValue:
        return usd_value(self.deposits.total, snapshot.price(self.source.coin), self.source)

    def _live_rate(self, snapshot: RateSnapshot) -> Rate:
        return rate_of(
            source_price=snapshot.price(self.source.coin),
            destination_price=snapshot.price(self.destination.coin),
            margin=self.margin,
        )

    def _exchanged(self, snapshot: RateSnapshot) -> "Order":
        return self._priced(self.deposits.total, self._live_rate(snapshot))

    def _priced(self, amount: int, rate: Rate) -> "Order":
        conversion = Conversion(
            rate, network_fee=self.network_fee, source=self.source, destination=self.destination
        )
        return msgspec.structs.replace(
            self, source_amount=amount, destination_amount=conversion.paid_for(amount), rate=rate
        )

    def _held(self, reason: Emergency, *, at: datetime) -> "Order":
        return self._moved(
            State.HELD, at=at, emergency=(reason,), choice=Choice.NONE, finished_at=None
        )

    def _moved(self, state: State, *, at: datetime, **changes: object) -> "Order":
        if STATUS_OF[state] is not Status.EMERGENCY:
            changes.setdefault("emergency", ())
        return msgspec.structs.replace(self, state=state, updated_at=at, **changes)
