"""Deposits that their chain orphans or drops."""

import pytest

from domain.errors import InvalidTransition
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME
from domain.orders.states import Choice, State, Status
from tests.support.builders.order_states import (
    NOW,
    TERMS,
    all_confirmed,
    held,
    new_order,
    with_choice,
    with_seen,
)


def test_an_order_with_an_orphaned_deposit_awaits_confirmation_and_is_priced_again() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000))
    assert order.state is State.PAYING_OUT
    back = order.deposits_unconfirmed({"tx0"}, at=NOW)
    assert (back.state, back.deposits.settled) == (State.CONFIRMING, False)
    again = all_confirmed(back, [ObservedDeposit("tx0", 20_000)])
    assert (again.state, again.source_amount) == (State.PAYING_OUT, 20_000)


def test_a_chosen_exchange_stands_when_its_deposit_is_orphaned() -> None:
    order = held(10_000_000).exchange_chosen(terms=TERMS, at=NOW, above_maximum=True)
    back = order.deposits_unconfirmed({"tx0"}, at=NOW)
    assert back.state is State.CONFIRMING
    assert all_confirmed(back).state is State.PAYING_OUT


def test_a_held_order_stays_held_when_its_deposit_is_orphaned() -> None:
    order = held(10_000_000).deposits_unconfirmed({"tx0"}, at=NOW)
    assert (order.state, order.deposits.settled) == (State.HELD, False)
    with pytest.raises(InvalidTransition):
        order.exchange_chosen(terms=TERMS, at=NOW)


def test_a_completed_order_rejects_an_orphaned_deposit() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000)).payout_broadcast("out", at=NOW)
    with pytest.raises(InvalidTransition):
        order.deposits_unconfirmed({"tx0"}, at=NOW)


def test_an_order_whose_deposit_is_dropped_awaits_one_again_or_expires() -> None:
    order = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW)
    assert (order.state, order.status, order.received) == (State.AWAITING_DEPOSIT, Status.NEW, None)
    late = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW + 2 * LIFETIME)
    assert (late.state, late.finished_at) == (State.EXPIRED, NOW + 2 * LIFETIME)


def test_the_other_deposits_count_when_one_is_dropped() -> None:
    order = with_seen(new_order(), 10_000, 5_000).deposits_dropped({"tx1"}, at=NOW)
    assert (order.state, order.deposits.total) == (State.CONFIRMING, 10_000)
    assert all_confirmed(order, [ObservedDeposit("tx0", 10_000)]).state is State.PAYING_OUT


def test_a_confirmed_deposit_is_never_dropped() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000))
    assert order.deposits_dropped({"tx0"}, at=NOW) == order


def test_a_dropped_deposit_counts_again_when_it_is_observed_again() -> None:
    order = with_seen(new_order(), 10_000).deposits_dropped({"tx0"}, at=NOW)
    again = order.deposit_seen(ObservedDeposit("tx0", 10_000), at=NOW)
    assert (again.state, again.deposits.total, len(again.deposits.all)) == (
        State.CONFIRMING,
        10_000,
        1,
    )


def test_a_held_order_whose_deposit_is_dropped_expires() -> None:
    order = held(10_000_000).deposits_unconfirmed({"tx0"}, at=NOW)
    gone = with_choice(order, Choice.REFUND).deposits_dropped({"tx0"}, at=NOW)
    assert (gone.state, gone.emergency, gone.choice) == (State.EXPIRED, (), Choice.NONE)


def test_a_late_deposit_can_be_orphaned_and_dropped_after_its_order_has_ended() -> None:
    order = all_confirmed(with_seen(new_order(), 10_000)).payout_broadcast("out", at=NOW)
    late = order.deposit_seen(ObservedDeposit("late", 777), at=NOW)
    confirmed = all_confirmed(late, [ObservedDeposit("late", 777)])
    back = confirmed.deposits_unconfirmed({"late"}, at=NOW)
    assert (back.state, [one.tx_id for one in back.deposits.unconfirmed]) == (
        State.COMPLETED,
        ["late"],
    )
    assert back.deposits_dropped({"late"}, at=NOW).deposits.late[0].dropped


def test_a_late_deposit_that_was_dropped_is_late_again_even_if_its_order_waits_again() -> None:
    paying_out = all_confirmed(with_seen(new_order(), 10_000))
    late = paying_out.deposit_seen(ObservedDeposit("late", 10_000), at=NOW)
    waiting = late.deposits_dropped({"late"}, at=NOW).deposits_unconfirmed({"tx0"}, at=NOW)
    assert waiting.state is State.CONFIRMING
    again = waiting.deposit_seen(ObservedDeposit("late", 10_000), at=NOW)
    assert [one.tx_id for one in again.deposits.counted] == ["tx0"]


def test_an_expired_order_is_not_held_for_a_late_deposit_alone() -> None:
    paying_out = all_confirmed(with_seen(new_order(), 10_000))
    late = paying_out.deposit_seen(ObservedDeposit("late", 10_000), at=NOW)
    waiting = late.deposits_unconfirmed({"tx0"}, at=NOW)
    expired = waiting.deposits_dropped({"tx0"}, at=NOW + 2 * LIFETIME)
    assert expired.state is State.EXPIRED
    assert all_confirmed(expired, [ObservedDeposit("late", 10_000)]).state is State.EXPIRED
