"""Deposits of an order: observed, confirmed and late ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.orders.deposits import Deposits, ObservedDeposit
from domain.orders.states import FINAL, STATUS_OF, Emergency, RateType, State, Status
from domain.orders.wire import order_out
from tests.support.builders.order_states import (
    DEPOSIT,
    LATE,
    NOW,
    TERMS,
    all_confirmed,
    closed_orders,
    held,
    new_order,
    with_seen,
)

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


def test_deposits_add_up_and_the_order_proceeds_once_all_are_confirmed() -> None:
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


def test_the_confirmed_amounts_replace_the_observed_ones() -> None:
    order = with_seen(new_order(), 4_000, 6_000)
    order = all_confirmed(order, [ObservedDeposit("tx0", 4_100), ObservedDeposit("tx1", 6_000)])
    assert order.source_amount == order.deposits.total == 10_100


@pytest.mark.parametrize("state", list(State))
def test_observing_a_transaction_twice_changes_nothing(state: State) -> None:
    emergency = (Emergency.LIMIT,) if STATUS_OF[state] is Status.EMERGENCY else ()
    order = new_order(
        state=state, emergency=emergency, deposits=Deposits().with_seen(DEPOSIT, at=NOW)
    )
    assert order.deposit_seen(DEPOSIT, at=LATE) == order
    assert order.deposit_seen(ObservedDeposit("tx", 1), at=LATE) == order


def test_confirming_a_transaction_twice_changes_nothing() -> None:
    for amounts in ((10_000,), (49,), (1, 2)):
        order = all_confirmed(with_seen(new_order(), *amounts))
        assert all_confirmed(order) == order
        assert all_confirmed(order, [ObservedDeposit("tx0", 7)]) == order


def test_confirming_an_unknown_transaction_is_rejected() -> None:
    order = with_seen(new_order(), 10_000)
    for deposits in (
        [],
        [ObservedDeposit("other", 10_000)],
        [ObservedDeposit("tx0", 10_000), ObservedDeposit("x", 1)],
    ):
        with pytest.raises(InvalidTransition):
            all_confirmed(order, deposits)


def test_a_deposit_after_expiry_counts_if_the_first_one_was_in_time() -> None:
    order = with_seen(with_seen(new_order(), 4_000), 6_000, at=LATE)
    assert order.status is Status.PENDING
    assert all_confirmed(order).source_amount == 10_000


def test_an_expired_order_is_held_once_all_its_deposits_are_confirmed() -> None:
    order = with_seen(new_order().expired(at=LATE), 4_000, 6_000, at=LATE)
    assert order.status is Status.EXPIRED
    order = all_confirmed(order, [ObservedDeposit("tx0", 4_000)])
    assert order.status is Status.EXPIRED
    order = all_confirmed(order)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.EXPIRED,))
    assert order.received == ObservedDeposit("tx0", 10_000)


def test_a_deposit_to_a_held_order_is_added_and_the_order_stays_held() -> None:
    order = with_seen(held(49), 9_951)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.LIMIT,))
    assert order.received == ObservedDeposit("tx0", 10_000)
    order = all_confirmed(order)
    assert (order.status, order.emergency) == (Status.EMERGENCY, (Emergency.LIMIT,))
    order = order.exchange_chosen(terms=TERMS, at=NOW)
    assert order.source_amount == 10_000


@pytest.mark.parametrize("name", list(closed_orders()))
def test_a_deposit_to_an_order_that_accepts_none_is_late(name: str) -> None:
    order = closed_orders()[name]
    with_late = order.deposit_seen(ObservedDeposit("late", 777), at=LATE)
    assert [one.amount for one in with_late.deposits.late] == [777]
    assert order_out(with_late, now=NOW) == order_out(order, now=NOW)
    confirmed = all_confirmed(with_late, [ObservedDeposit("late", 777)])
    assert not confirmed.deposits.unconfirmed
    assert order_out(confirmed, now=NOW) == order_out(order, now=NOW)


def test_a_late_deposit_does_not_delay_the_payout() -> None:
    order = closed_orders()["paying out"].deposit_seen(ObservedDeposit("late", 1), at=NOW)
    assert order.payout_broadcast("out", at=NOW).status is Status.DONE


@given(STEPS, st.sampled_from(RateType))
def test_no_deposit_is_lost_or_counted_twice(
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
            EXCHANGED: lambda: order.exchange_chosen(terms=TERMS, at=NOW),  # noqa: B023
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
