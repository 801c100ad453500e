"""The state machine of an order: what each state allows, and what its partner sees."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.assets import Asset, Bounds
from domain.errors import InvalidTransition
from domain.money import USD_DECIMALS
from domain.order_object import order_out
from domain.orders import (
    LIFETIME,
    STATUS_OF,
    Choice,
    Deposit,
    Emergency,
    Order,
    RateType,
    State,
    Status,
)
from domain.pricing import Rate
from domain.rates import RateSnapshot

USD = 10**USD_DECIMALS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(min_usd=USD, max_usd=5_000 * USD)
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
    return order.deposit_confirmed(amount, snapshot=MARKET, bounds=BOUNDS, at=NOW)


def test_the_good_day_goes_new_pending_exchange_done() -> None:
    order = new_order()
    seen = [order.status]
    order = order.deposit_seen(Deposit("tx", 10_000), at=NOW)
    seen.append(order.status)
    order = confirmed(order, 10_000)
    seen.append(order.status)
    order = order.payout_broadcast("out", at=NOW)
    seen.append(order.status)
    assert seen == [Status.NEW, Status.PENDING, Status.EXCHANGE, Status.DONE]
    assert order.finished_at == NOW


def test_a_float_order_is_priced_anew_from_what_was_received() -> None:
    order = confirmed(new_order().deposit_seen(Deposit("tx", 5_000), at=NOW), 5_000)
    assert order.source_amount == 5_000
    assert str(order.rate) == "1.990000000"
    assert order.destination_amount == 5_000 * 199 // 100 - 100


def test_a_fixed_order_keeps_its_rate_for_the_full_amount() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(Deposit("tx", 10_000), at=NOW)
    order = confirmed(order, 10_000)
    assert order.rate == Rate(10**8, 8)
    assert order.destination_amount == 9_900


def test_a_fixed_order_with_another_amount_is_priced_anew() -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(Deposit("tx", 9_999), at=NOW)
    assert str(confirmed(order, 9_999).rate) == "1.990000000"


@pytest.mark.parametrize("amount", [49, 250_001])
def test_a_deposit_outside_the_bounds_is_held(amount: int) -> None:
    order = confirmed(new_order().deposit_seen(Deposit("tx", amount), at=NOW), amount)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.LIMIT,)


def test_the_agreed_amount_is_never_out_of_bounds() -> None:
    order = new_order(source_amount=49_00).deposit_seen(Deposit("tx", 49_00), at=NOW)
    dearer = RateSnapshot(at=0, prices={"AAA": 200 * USD, "BBB": USD})
    order = order.deposit_confirmed(49_00, snapshot=dearer, bounds=BOUNDS, at=NOW)
    assert order.status is Status.EXCHANGE


def test_a_deposit_that_the_network_fee_eats_is_held() -> None:
    order = new_order(source_amount=50, network_fee=10_000)
    order = confirmed(order.deposit_seen(Deposit("tx", 50), at=NOW), 50)
    assert order.emergency == (Emergency.LIMIT,)


def test_a_deposit_after_expiry_is_held_once_confirmed() -> None:
    late = NOW + LIFETIME + timedelta(seconds=1)
    order = new_order().deposit_seen(Deposit("tx", 10_000), at=late)
    assert order.status is Status.EXPIRED
    order = confirmed(order, 10_000)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.EXPIRED,)
    assert order.finished_at is None


def test_a_held_order_goes_on_at_the_live_rate() -> None:
    order = confirmed(new_order().deposit_seen(Deposit("tx", 49), at=NOW), 49)
    with pytest.raises(InvalidTransition):
        new_order().exchange_chosen(snapshot=MARKET, at=NOW)
    order = confirmed(new_order().deposit_seen(Deposit("tx", 250_001), at=NOW), 250_001)
    order = order.exchange_chosen(snapshot=MARKET, at=NOW)
    assert order.status is Status.EXCHANGE
    assert order.choice is Choice.EXCHANGE
    assert order.emergency == ()


def test_a_refund_ends_a_held_order() -> None:
    order = confirmed(new_order().deposit_seen(Deposit("tx", 49), at=NOW), 49)
    order = order.refunded("back-tx", at=NOW)
    assert order.status is Status.EXPIRED
    assert order_out(order, now=NOW).back.tx.id == "back-tx"


def test_every_state_has_a_status() -> None:
    assert set(STATUS_OF) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_only_the_right_states_move(state: State) -> None:
    emergency = (Emergency.LIMIT,) if state is State.HELD else ()
    order = new_order(state=state, emergency=emergency)
    paid = msgspec.structs.replace(order, deposit=Deposit("tx", 10_000))
    moves: dict[str, Any] = {
        "seen": lambda: order.deposit_seen(Deposit("tx", 1), at=NOW),
        "confirmed": lambda: confirmed(paid, 10_000),
        "paid": lambda: paid.payout_broadcast("x", at=NOW),
        "expired": lambda: order.expired(at=NOW),
        "cancelled": lambda: order.cancelled(at=NOW),
        "exchange": lambda: paid.exchange_chosen(snapshot=MARKET, at=NOW),
        "refund": lambda: paid.refunded("x", at=NOW),
    }
    allowed = {
        State.AWAITING_DEPOSIT: {"seen", "expired", "cancelled"},
        State.CONFIRMING: {"confirmed"},
        State.PAYING_OUT: {"paid"},
        State.EXPIRED: {"seen", "confirmed"},
        State.HELD: {"exchange", "refund"},
    }.get(state, set())
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
