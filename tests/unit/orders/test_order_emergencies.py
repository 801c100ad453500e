"""Orders that are held, and how they are resolved."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME
from domain.orders.states import Choice, Emergency, State, Status
from domain.orders.terms import SettlementTerms
from domain.orders.wire import order_out
from tests.support.builders.order_states import (
    BOUNDS,
    LATE,
    NOW,
    TERMS,
    USD,
    all_confirmed,
    asset,
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
        new_order().exchange_chosen(terms=TERMS, at=NOW)
    order = all_confirmed(with_seen(new_order(), 10_000, at=LATE))
    order = order.exchange_chosen(terms=TERMS, at=NOW)
    assert order.status is Status.EXCHANGE
    assert order.destination_amount == 19_900 - 100
    assert order.choice is Choice.EXCHANGE
    assert order.emergency == ()


def test_more_than_the_maximum_is_exchanged_only_where_the_operator_allows_it() -> None:
    order = held(250_001)
    with pytest.raises(EmergencyInvalidChoice, match="maximum"):
        order.exchange_chosen(terms=TERMS, at=NOW)
    with pytest.raises(EmergencyInvalidChoice, match="maximum"):
        order.exchange_chosen(terms=TERMS, at=NOW, overrule=True)
    allowed = order.exchange_chosen(terms=TERMS, at=NOW, above_maximum=True)
    assert (allowed.status, allowed.source_amount) == (Status.EXCHANGE, 250_001)


def test_the_agreed_amount_is_exchanged_even_where_its_price_has_risen_above_the_maximum() -> None:
    dearer = SettlementTerms(RateSnapshot(at=0, prices={"AAA": 200 * USD, "BBB": USD}), BOUNDS)
    order = all_confirmed(with_seen(new_order(), 10_000, at=LATE))
    assert order.exchange_chosen(terms=dearer, at=NOW).status is Status.EXCHANGE
    more = all_confirmed(with_seen(new_order(), 10_001, at=LATE))
    with pytest.raises(EmergencyInvalidChoice, match="maximum"):
        more.exchange_chosen(terms=dearer, at=NOW)


def test_an_order_is_held_where_its_payout_would_be_dust() -> None:
    dusty = msgspec.structs.replace(asset("bbb", network_fee=100), dust_limit=546)
    order = new_order(destination=dusty)
    assert all_confirmed(with_seen(order, 322)).emergency == (Emergency.LIMIT,)
    assert all_confirmed(with_seen(order, 325)).destination_amount == 546
    late = all_confirmed(with_seen(order, 322, at=LATE))
    with pytest.raises(EmergencyInvalidChoice, match="dust limit"):
        late.exchange_chosen(terms=TERMS, at=NOW)


def test_an_order_is_held_where_it_must_not_proceed() -> None:
    order = with_seen(new_order(), 10_000)
    order = order.deposits_confirmed(
        [ObservedDeposit("tx0", 10_000)], terms=TERMS, at=NOW, hold=True
    )
    assert (order.state, order.emergency) == (State.HELD, (Emergency.LIMIT,))
    assert order.destination_amount == 9_900


def test_a_refund_ends_a_held_order() -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 49), at=NOW), 49)
    order = order.refunded("back-tx", at=NOW)
    assert order.status is Status.EXPIRED
    assert order_out(order, now=NOW).back.tx.id == "back-tx"


@pytest.mark.parametrize("how", ["exchange", "refund"])
def test_a_held_order_cannot_be_resolved_before_all_deposits_are_confirmed(how: str) -> None:
    order = with_seen(held(60_00_00), 1)
    moves = {
        "exchange": lambda: order.exchange_chosen(terms=TERMS, at=NOW),
        "refund": lambda: order.refunded("back", at=NOW),
    }
    with pytest.raises(InvalidTransition, match="not all of the deposit is confirmed"):
        moves[how]()


def test_the_operator_overrules_a_partners_choice_only_explicitly() -> None:
    held_late = all_confirmed(with_seen(new_order(), 10_000, at=LATE))
    refund, exchange = (with_choice(held_late, one) for one in (Choice.REFUND, Choice.EXCHANGE))
    against: dict[str, Any] = {
        "exchange": lambda overrule: refund.exchange_chosen(terms=TERMS, at=NOW, overrule=overrule),
        "refund": lambda overrule: exchange.refunded("back", at=NOW, overrule=overrule),
        "cancel": lambda overrule: exchange.cancelled(at=NOW, overrule=overrule),
    }
    for move in against.values():
        with pytest.raises(EmergencyInvalidChoice, match="the partner has chosen"):
            move(overrule=False)
    assert against["exchange"](overrule=True).choice is Choice.EXCHANGE
    assert against["refund"](overrule=True).choice is Choice.REFUND
    assert against["cancel"](overrule=True).choice is Choice.NONE
    assert exchange.exchange_chosen(terms=TERMS, at=NOW).state is State.PAYING_OUT
    assert refund.refunded("back", at=NOW).state is State.REFUNDED


def test_a_choice_that_cannot_be_executed_can_be_reset() -> None:
    order = with_choice(held(49), Choice.EXCHANGE)
    assert order.exchange_problem(TERMS) is not None
    with pytest.raises(EmergencyInvalidChoice, match="network fee"):
        order.exchange_chosen(terms=TERMS, at=NOW)
    again = order.choice_reset(at=NOW)
    assert (again.choice, again.status) == (Choice.NONE, Status.EMERGENCY)
    with pytest.raises(InvalidTransition):
        new_order().choice_reset(at=NOW)
