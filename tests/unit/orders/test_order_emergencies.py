"""Orders that are held, and how they are resolved."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME
from domain.orders.states import Choice, Emergency, State, Status
from domain.orders.wire import order_out
from tests.support.builders.order_states import (
    MARKET,
    NOW,
    USD,
    all_confirmed,
    confirmed,
    held,
    new_order,
    with_choice,
    with_seen,
)


@pytest.mark.parametrize("amount", [49, 250_001])
def test_an_order_is_held_for_a_deposit_outside_the_bounds(amount: int) -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", amount), at=NOW), amount)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.LIMIT,)


def test_the_agreed_amount_is_never_out_of_bounds() -> None:
    order = new_order(source_amount=49_00).deposit_seen(ObservedDeposit("tx", 49_00), at=NOW)
    dearer = RateSnapshot(at=0, prices={"AAA": 200 * USD, "BBB": USD})
    order = all_confirmed(order, market=dearer)
    assert order.status is Status.EXCHANGE


def test_an_order_is_held_for_a_deposit_below_the_network_fee() -> None:
    order = new_order(source_amount=50, network_fee=10_000)
    order = confirmed(order.deposit_seen(ObservedDeposit("tx", 50), at=NOW), 50)
    assert order.emergency == (Emergency.LIMIT,)


def test_an_order_is_held_once_a_deposit_after_expiry_is_confirmed() -> None:
    late = NOW + LIFETIME + timedelta(seconds=1)
    order = new_order().deposit_seen(ObservedDeposit("tx", 10_000), at=late)
    assert order.status is Status.EXPIRED
    order = confirmed(order, 10_000)
    assert order.status is Status.EMERGENCY
    assert order.emergency == (Emergency.EXPIRED,)
    assert order.finished_at is None


def test_a_held_order_is_exchanged_at_the_live_rate() -> None:
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


@pytest.mark.parametrize("how", ["exchange", "refund"])
def test_a_held_order_cannot_be_resolved_before_all_deposits_are_confirmed(how: str) -> None:
    order = with_seen(held(60_00_00), 1)
    moves = {
        "exchange": lambda: order.exchange_chosen(snapshot=MARKET, at=NOW),
        "refund": lambda: order.refunded("back", at=NOW),
    }
    with pytest.raises(InvalidTransition, match="not all of the deposit is confirmed"):
        moves[how]()


def test_the_operator_overrules_a_partners_choice_only_explicitly() -> None:
    refund, exchange = (with_choice(held(250_001), one) for one in (Choice.REFUND, Choice.EXCHANGE))
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


def test_a_choice_that_cannot_be_executed_can_be_reset() -> None:
    order = with_choice(held(49), Choice.EXCHANGE)
    assert order.deposits_cover_network_fee(MARKET) is False
    with pytest.raises(EmergencyInvalidChoice, match="network fee"):
        order.exchange_chosen(snapshot=MARKET, at=NOW)
    again = order.choice_reset(at=NOW)
    assert (again.choice, again.status) == (Choice.NONE, Status.EMERGENCY)
    with pytest.raises(InvalidTransition):
        new_order().choice_reset(at=NOW)
