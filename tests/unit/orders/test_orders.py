"""The state machine of an order: what each state allows, and what its partner sees."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Asset, Bounds
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.market.conversion import Rate
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS
from domain.orders.deposits import Deposit, Deposits, ObservedDeposit
from domain.orders.order import LIFETIME, Order
from domain.orders.states import FINAL, STATUS_OF, Choice, Emergency, RateType, State, Status
from domain.orders.wire import order_out

USD = 10**USD_DECIMALS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(min_usd=USD, max_usd=5_000 * USD)
DEPOSIT = ObservedDeposit("tx", 10_000)
MARKET = RateSnapshot(at=NOW.timestamp(), prices={"AAA": 2 * USD, "BBB": USD})


def asset(code: str, *, network_fee: int = 0) -> Asset:
    return Asset(code, code.upper(), code, code, 2, network_fee, 0)


def new_order(**changes: object) -> Order:
    order = Order(
        id=UUID(int=1),
        partner_id=UUID(int=2),
        code_id=None,
        rate_type=RateType.FLOAT,
        state=State.AWAITING_DEPOSIT,
        source=asset("aaa"),
        destination=asset("bbb", network_fee=100),
        source_amount=10_000,
        destination_amount=9_900,
        rate=Rate(10**8, 8),
        network_fee=100,
        fee_bps=0,
        markup_bps=50,
        destination_address="to",
        destination_tag=None,
        refund_address="back",
        pay_in_address="in",
        pay_in_tag=None,
        created_at=NOW,
        expires_at=NOW + LIFETIME,
        updated_at=NOW,
    )
    return msgspec.structs.replace(order, **changes)


def confirmed(order: Order, amount: int) -> Order:
    """Confirm the order's only transaction, of `amount`."""
    return all_confirmed(order, [ObservedDeposit("tx", amount)])


def all_confirmed(
    order: Order, deposits: list[ObservedDeposit] | None = None, market: RateSnapshot = MARKET
) -> Order:
    """Confirm these, or all that was seen."""
    seen = [ObservedDeposit(part.tx_id, part.amount) for part in order.deposits.all]
    return order.deposits_confirmed(
        seen if deposits is None else deposits, snapshot=market, bounds=BOUNDS, at=NOW
    )


def with_seen(order: Order, *amounts: int, at: datetime = NOW) -> Order:
    """Let deposits be seen, of these amounts, as tx0, tx1 ..."""
    for amount in amounts:
        order = order.deposit_seen(ObservedDeposit(f"tx{len(order.deposits.all)}", amount), at=at)
    return order


def held(*amounts: int) -> Order:
    """Return an order held for LIMIT with these parts."""
    order = all_confirmed(with_seen(new_order(), *amounts))
    assert order.state is State.HELD
    return order


def test_the_good_day_goes_new_pending_exchange_done() -> None:
    order = new_order()
    seen = [order.status]
    order = order.deposit_seen(ObservedDeposit("tx", 10_000), at=NOW)
    seen.append(order.status)
    order = confirmed(order, 10_000)
    seen.append(order.status)
    order = order.payout_broadcast("out", at=NOW)
    seen.append(order.status)
    assert seen == [Status.NEW, Status.PENDING, Status.EXCHANGE, Status.DONE]
    assert order.finished_at == NOW


def test_a_float_order_is_priced_anew_from_what_was_received() -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 5_000), at=NOW), 5_000)
    assert order.source_amount == 5_000
    assert str(order.rate) == "1.990000000"
    assert order.destination_amount == 5_000 * 199 // 100 - 100


def test_a_fixed_order_keeps_its_rate_for_the_full_amount() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(ObservedDeposit("tx", 10_000), at=NOW)
    order = confirmed(order, 10_000)
    assert order.rate == Rate(10**8, 8)
    assert order.destination_amount == 9_900


def test_a_fixed_order_with_another_amount_is_priced_anew() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(ObservedDeposit("tx", 9_999), at=NOW)
    assert str(confirmed(order, 9_999).rate) == "1.990000000"


@pytest.mark.parametrize("amount", [49, 250_001])
def test_a_deposit_outside_the_bounds_is_held(amount: int) -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", amount), at=NOW), amount)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.LIMIT,)


def test_the_agreed_amount_is_never_out_of_bounds() -> None:
    order = new_order(source_amount=49_00).deposit_seen(ObservedDeposit("tx", 49_00), at=NOW)
    dearer = RateSnapshot(at=0, prices={"AAA": 200 * USD, "BBB": USD})
    order = all_confirmed(order, market=dearer)
    assert order.status is Status.EXCHANGE


def test_a_deposit_that_the_network_fee_eats_is_held() -> None:
    order = new_order(source_amount=50, network_fee=10_000)
    order = confirmed(order.deposit_seen(ObservedDeposit("tx", 50), at=NOW), 50)
    assert order.emergency == (Emergency.LIMIT,)


def test_a_deposit_after_expiry_is_held_once_confirmed() -> None:
    late = NOW + LIFETIME + timedelta(seconds=1)
    order = new_order().deposit_seen(ObservedDeposit("tx", 10_000), at=late)
    assert order.status is Status.EXPIRED
    order = confirmed(order, 10_000)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.EXPIRED,)
    assert order.finished_at is None


def test_a_held_order_goes_on_at_the_live_rate() -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 49), at=NOW), 49)
    with pytest.raises(InvalidTransition):
        new_order().exchange_chosen(snapshot=MARKET, at=NOW)
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 250_001), at=NOW), 250_001)
    order = order.exchange_chosen(snapshot=MARKET, at=NOW)
    assert order.status is Status.EXCHANGE
    assert order.choice is Choice.EXCHANGE
    assert order.emergency == ()


def test_a_refund_ends_a_held_order() -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 49), at=NOW), 49)
    order = order.refunded("back-tx", at=NOW)
    assert order.status is Status.EXPIRED
    assert order_out(order, now=NOW).back.tx.id == "back-tx"


def test_every_state_has_a_status() -> None:
    assert set(STATUS_OF) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_only_the_right_states_move(state: State) -> None:
    emergency = (Emergency.LIMIT,) if state is State.HELD else ()
    order = new_order(state=state, emergency=emergency)
    part = Deposit(tx_id="tx", amount=10_000, seen_at=NOW)
    seen = msgspec.structs.replace(order, deposits=Deposits((part,)))
    paid = msgspec.structs.replace(seen, deposits=seen.deposits.with_confirmed([DEPOSIT], at=NOW))
    moves: dict[str, Any] = {
        "seen": lambda: order.deposit_seen(ObservedDeposit("tx", 1), at=NOW),
        "confirmed": lambda: confirmed(seen, 10_000),
        "paid": lambda: paid.payout_broadcast("x", at=NOW),
        "expired": lambda: order.expired(at=NOW),
        "cancelled": lambda: order.cancelled(at=NOW),
        "exchange": lambda: paid.exchange_chosen(snapshot=MARKET, at=NOW),
        "refund": lambda: paid.refunded("x", at=NOW),
    }
    allowed = {
        State.AWAITING_DEPOSIT: {"seen", "confirmed", "expired", "cancelled"},
        State.CONFIRMING: {"seen", "confirmed"},
        State.PAYING_OUT: {"seen", "confirmed", "paid"},
        State.EXPIRED: {"seen", "confirmed"},
        State.HELD: {"seen", "confirmed", "exchange", "refund", "cancelled"},
    }.get(state, {"seen", "confirmed"})
    for name, move in moves.items():
        if name in allowed:
            move()
        else:
            with pytest.raises(InvalidTransition):
                move()


def test_time_left_is_never_negative_and_zero_once_final() -> None:
    order = new_order()
    assert order_out(order, now=NOW).time.left == 1800
    assert order_out(order, now=NOW + timedelta(hours=1)).time.left == 0
    assert order_out(order.cancelled(at=NOW), now=NOW).time.left == 0


LATE = NOW + LIFETIME + timedelta(seconds=1)
LIVE_RATE = "1.990000000"


def test_parts_add_up_and_the_order_goes_on_when_all_of_them_are_confirmed() -> None:
    order = with_seen(new_order(), 4_000, 6_000)
    assert order.received == ObservedDeposit("tx0", 10_000)
    order = all_confirmed(order, [ObservedDeposit("tx0", 4_000)])
    assert order.status is Status.PENDING
    order = with_seen(order, 500)
    order = all_confirmed(order, [ObservedDeposit("tx1", 6_000)])
    assert order.status is Status.PENDING
    order = all_confirmed(order, [ObservedDeposit("tx2", 500)])
    assert order.status is Status.EXCHANGE
    assert order.source_amount == 10_500
    assert order.destination_amount == 10_500 * 199 // 100 - 100


def test_the_amounts_that_count_are_those_confirmed() -> None:
    order = with_seen(new_order(), 4_000, 6_000)
    order = all_confirmed(order, [ObservedDeposit("tx0", 4_100), ObservedDeposit("tx1", 6_000)])
    assert order.source_amount == order.deposits.total == 10_100


@pytest.mark.parametrize("state", list(State))
def test_a_transaction_seen_twice_changes_nothing(state: State) -> None:
    emergency = (Emergency.LIMIT,) if state is State.HELD else ()
    order = new_order(
        state=state, emergency=emergency, deposits=Deposits().with_seen(DEPOSIT, at=NOW)
    )
    assert order.deposit_seen(DEPOSIT, at=LATE) == order
    assert order.deposit_seen(ObservedDeposit("tx", 1), at=LATE) == order


def test_a_transaction_confirmed_twice_changes_nothing() -> None:
    for amounts in ((10_000,), (49,), (1, 2)):
        order = all_confirmed(with_seen(new_order(), *amounts))
        assert all_confirmed(order) == order
        assert all_confirmed(order, [ObservedDeposit("tx0", 7)]) == order


def test_what_was_never_seen_is_not_confirmed() -> None:
    order = with_seen(new_order(), 10_000)
    for deposits in (
        [],
        [ObservedDeposit("other", 10_000)],
        [ObservedDeposit("tx0", 10_000), ObservedDeposit("x", 1)],
    ):
        with pytest.raises(InvalidTransition):
            all_confirmed(order, deposits)


def test_a_late_part_of_an_order_paid_in_time_counts() -> None:
    order = with_seen(with_seen(new_order(), 4_000), 6_000, at=LATE)
    assert order.status is Status.PENDING
    assert all_confirmed(order).source_amount == 10_000


def test_late_parts_are_held_once_all_of_them_are_confirmed() -> None:
    order = with_seen(new_order().expired(at=LATE), 4_000, 6_000, at=LATE)
    assert order.status is Status.EXPIRED
    order = all_confirmed(order, [ObservedDeposit("tx0", 4_000)])
    assert order.status is Status.EXPIRED
    order = all_confirmed(order)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.EXPIRED,))
    assert order.received == ObservedDeposit("tx0", 10_000)


def test_a_part_of_a_held_order_adds_to_it_and_it_stays_held() -> None:
    order = with_seen(held(49), 9_951)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.LIMIT,))
    assert order.received == ObservedDeposit("tx0", 10_000)
    order = all_confirmed(order)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.LIMIT,))
    order = order.exchange_chosen(snapshot=MARKET, at=NOW)
    assert order.source_amount == 10_000


@pytest.mark.parametrize("how", ["exchange", "refund"])
def test_a_held_order_waits_until_all_of_it_is_confirmed(how: str) -> None:
    order = with_seen(held(60_00_00), 1)
    moves = {
        "exchange": lambda: order.exchange_chosen(snapshot=MARKET, at=NOW),
        "refund": lambda: order.refunded("back", at=NOW),
    }
    with pytest.raises(InvalidTransition, match="not all of the deposit is confirmed"):
        moves[how]()


def ended() -> dict[str, Order]:
    """Return orders that have no use for another deposit, by how they came there."""
    going_on = all_confirmed(with_seen(new_order(), 10_000))
    return {
        "paying out": going_on,
        "completed": going_on.payout_broadcast("out", at=NOW),
        "refunded": held(49).refunded("back", at=NOW),
        "cancelled unpaid": new_order().cancelled(at=NOW),
        "cancelled held": held(49).cancelled(at=NOW),
    }


@pytest.mark.parametrize("name", list(ended()))
def test_a_part_that_comes_too_late_for_anything_is_a_stray(name: str) -> None:
    order = ended()[name]
    strayed = order.deposit_seen(ObservedDeposit("stray", 777), at=LATE)
    assert [part.amount for part in strayed.deposits.late] == [777]
    assert order_out(strayed, now=NOW) == order_out(order, now=NOW)
    confirmed = all_confirmed(strayed, [ObservedDeposit("stray", 777)])
    assert not confirmed.deposits.unconfirmed
    assert order_out(confirmed, now=NOW) == order_out(order, now=NOW)


def test_a_stray_does_not_keep_the_payout_waiting() -> None:
    order = ended()["paying out"].deposit_seen(ObservedDeposit("stray", 1), at=NOW)
    assert order.payout_broadcast("out", at=NOW).status is Status.DONE


FIXED = new_order(rate_type=RateType.FIXED)


@pytest.mark.parametrize("amounts", [(10_000,), (4_000, 6_000), (1, 9_998, 1)])
def test_a_fixed_order_keeps_its_rate_for_the_full_amount_in_parts(amounts: tuple[int]) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts))
    assert (order.rate, order.destination_amount) == (FIXED.rate, FIXED.destination_amount)


@pytest.mark.parametrize("amounts", [(9_999,), (10_001,), (10_000, 1), (4_000, 5_999)])
def test_a_fixed_order_of_another_amount_follows_the_market(amounts: tuple[int]) -> None:
    order = all_confirmed(with_seen(FIXED, *amounts))
    assert (order.status, str(order.rate)) == (Status.EXCHANGE, LIVE_RATE)
    assert order.source_amount == sum(amounts)


def test_a_fixed_order_whose_last_part_comes_after_expiry_follows_the_market() -> None:
    in_time = with_seen(with_seen(FIXED, 4_000), 6_000, at=FIXED.expires_at)
    assert all_confirmed(in_time).rate == FIXED.rate
    late = with_seen(with_seen(FIXED, 4_000), 6_000, at=LATE)
    assert str(all_confirmed(late).rate) == LIVE_RATE


def test_a_fixed_order_out_of_bounds_or_late_is_held() -> None:
    assert all_confirmed(with_seen(FIXED, 49)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 250_001)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(FIXED, 10_000, at=LATE)).emergency == (Emergency.EXPIRED,)


def test_a_fixed_order_confirmed_after_its_expiry_keeps_its_rate() -> None:
    """What counts is when it was seen."""
    order = with_seen(FIXED, 10_000, at=FIXED.expires_at)
    order = order.deposits_confirmed(
        [ObservedDeposit("tx0", 10_000)], snapshot=MARKET, bounds=BOUNDS, at=LATE
    )
    assert order.rate == FIXED.rate


def chosen(order: Order, choice: Choice) -> Order:
    return msgspec.structs.replace(order, choice=choice)


def test_an_operator_does_not_go_against_its_partner_by_accident() -> None:
    refund, exchange = (chosen(held(250_001), one) for one in (Choice.REFUND, Choice.EXCHANGE))
    against: dict[str, Any] = {
        "exchange": lambda overrule: refund.exchange_chosen(
            snapshot=MARKET, at=NOW, overrule=overrule
        ),
        "refund": lambda overrule: exchange.refunded("back", at=NOW, overrule=overrule),
        "cancel": lambda overrule: exchange.cancelled(at=NOW, overrule=overrule),
    }
    for move in against.values():
        with pytest.raises(EmergencyInvalidChoice, match="the partner has chosen"):
            move(overrule=False)
    assert against["exchange"](overrule=True).choice is Choice.EXCHANGE
    assert against["refund"](overrule=True).choice is Choice.REFUND
    assert against["cancel"](overrule=True).choice is Choice.NONE
    assert exchange.exchange_chosen(snapshot=MARKET, at=NOW).state is State.PAYING_OUT
    assert refund.refunded("back", at=NOW).state is State.REFUNDED


def test_a_choice_that_can_not_be_done_can_be_made_again() -> None:
    order = chosen(held(49), Choice.EXCHANGE)
    assert order.deposits_cover_network_fee(MARKET) is False
    with pytest.raises(EmergencyInvalidChoice, match="network fee"):
        order.exchange_chosen(snapshot=MARKET, at=NOW)
    again = order.choice_reset(at=NOW)
    assert (again.choice, again.status) == (Choice.NONE, Status.EMERGENCY)
    with pytest.raises(InvalidTransition):
        new_order().choice_reset(at=NOW)


SEEN, CONFIRMED, PAID, EXPIRY, EXCHANGED, REFUNDED = range(6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([SEEN, SEEN, CONFIRMED, CONFIRMED, PAID, EXPIRY, EXCHANGED, REFUNDED]),
        st.integers(0, 4),
        st.integers(1, 200_000),
        st.booleans(),
    ),
    max_size=20,
)


@given(STEPS, st.sampled_from(RateType))
def test_nothing_received_is_lost_or_counted_twice(
    steps: list[tuple[int, int, int, bool]], rate_type: RateType
) -> None:
    order, sent = new_order(rate_type=rate_type), dict[str, int]()
    for step, number, amount, late in steps:
        before, at, tx_id = order, LATE if late else NOW, f"tx{number}"
        moves: dict[int, Any] = {
            SEEN: lambda: order.deposit_seen(ObservedDeposit(tx_id, amount), at=at),  # noqa: B023
            CONFIRMED: lambda: all_confirmed(order, [ObservedDeposit(tx_id, sent.get(tx_id, 0))]),  # noqa: B023
            PAID: lambda: order.payout_broadcast("out", at=NOW),  # noqa: B023
            EXPIRY: lambda: order.expired(at=NOW),  # noqa: B023
            EXCHANGED: lambda: order.exchange_chosen(snapshot=MARKET, at=NOW),  # noqa: B023
            REFUNDED: lambda: order.refunded("back", at=NOW),  # noqa: B023
        }
        try:
            order = moves[step]()
        except (InvalidTransition, EmergencyInvalidChoice):
            order = before
        if step is SEEN:
            sent.setdefault(tx_id, amount)
        assert {part.tx_id: part.amount for part in order.deposits.all} == sent
        assert order.deposits.total + sum(one.amount for one in order.deposits.late) == sum(
            sent.values()
        )
        assert (order.status is Status.EMERGENCY) == bool(order.emergency)
        if before.state in FINAL - {State.EXPIRED}:
            assert order_out(order, now=NOW) == order_out(before, now=NOW)
        if order.state in (State.PAYING_OUT, State.COMPLETED):
            assert order.source_amount == order.deposits.total
            assert order.deposits.settled


def test_a_deposit_left_behind_by_its_chain_is_waited_for_and_priced_anew() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000))
    assert order.state is State.PAYING_OUT
    back = order.deposits_unconfirmed({"tx0"}, at=NOW)
    assert (back.state, back.deposits.settled) == (State.CONFIRMING, False)
    again = all_confirmed(back, [ObservedDeposit("tx0", 20_000)])
    assert (again.state, again.source_amount) == (State.PAYING_OUT, 20_000)


def test_a_chosen_exchange_is_not_asked_for_again_when_its_block_was_left_behind() -> None:
    order = held(10_000_000).exchange_chosen(snapshot=MARKET, at=NOW)
    back = order.deposits_unconfirmed({"tx0"}, at=NOW)
    assert back.state is State.CONFIRMING
    assert all_confirmed(back).state is State.PAYING_OUT


def test_a_held_order_stays_held_when_its_deposit_has_to_be_confirmed_again() -> None:
    order = held(10_000_000).deposits_unconfirmed({"tx0"}, at=NOW)
    assert (order.state, order.deposits.settled) == (State.HELD, False)
    with pytest.raises(InvalidTransition):
        order.exchange_chosen(snapshot=MARKET, at=NOW)


def test_a_final_order_does_not_wait_for_its_deposit_again() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000)).payout_broadcast("out", at=NOW)
    with pytest.raises(InvalidTransition):
        order.deposits_unconfirmed({"tx0"}, at=NOW)


def test_an_order_whose_deposit_vanished_is_as_before_it() -> None:
    order = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW)
    assert (order.state, order.status, order.received) == (State.AWAITING_DEPOSIT, Status.NEW, None)
    late = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW + 2 * LIFETIME)
    assert (late.state, late.finished_at) == (State.EXPIRED, NOW + 2 * LIFETIME)


def test_what_is_left_counts_when_another_part_vanished() -> None:
    order = with_seen(new_order(), 10_000, 5_000).deposits_dropped({"tx1"}, at=NOW)
    assert (order.state, order.deposits.total) == (State.CONFIRMING, 10_000)
    assert all_confirmed(order, [ObservedDeposit("tx0", 10_000)]).state is State.PAYING_OUT


def test_a_confirmed_part_does_not_vanish() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000))
    assert order.deposits_dropped({"tx0"}, at=NOW) == order


def test_a_vanished_deposit_that_is_seen_again_counts_again() -> None:
    order = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW)
    again = order.deposit_seen(ObservedDeposit("tx0", 10_000), at=NOW)
    assert (again.state, again.deposits.total, len(again.deposits.all)) == (
        State.CONFIRMING,
        10_000,
        1,
    )


def test_a_held_order_whose_deposit_vanished_expires() -> None:
    order = held(10_000_000).deposits_unconfirmed({"tx0"}, at=NOW)
    gone = chosen(order, Choice.REFUND).deposits_dropped({"tx0"}, at=NOW)
    assert (gone.state, gone.emergency, gone.choice) == (State.EXPIRED, (), Choice.NONE)
