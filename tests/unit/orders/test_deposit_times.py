"""A deposit counts from the time that its chain states, not from when settlement read it."""

from datetime import datetime, timedelta

import pytest

from domain.orders.order import LIFETIME
from domain.orders.states import RateType, State
from tests.support.builders.order_states import DEPOSIT, LATE, NOW, confirmed, new_order

EXPIRY = NOW + LIFETIME
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.mark.parametrize("since", [NOW, EXPIRY - SECOND, EXPIRY])
def test_a_deposit_before_expiry_that_is_processed_after_it_is_in_time(since: datetime) -> None:
    order = new_order(rate_type=RateType.FIXED).deposit_seen(DEPOSIT, at=LATE + HOUR, since=since)
    assert order.state is State.CONFIRMING
    assert order.updated_at == LATE + HOUR
    paid = confirmed(order, DEPOSIT.amount)
    assert (paid.state, paid.destination_amount) == (State.PAYING_OUT, order.destination_amount)


def test_a_deposit_after_expiry_is_not_in_time() -> None:
    order = new_order().deposit_seen(DEPOSIT, at=LATE + HOUR, since=EXPIRY + SECOND)
    assert order.state is State.EXPIRED


def test_a_block_in_the_future_counts_from_now() -> None:
    order = new_order().deposit_seen(DEPOSIT, at=NOW + SECOND, since=NOW + 2 * HOUR)
    assert order.state is State.CONFIRMING
    assert order.deposits.all[0].seen_at == NOW + SECOND
    late = new_order().deposit_seen(DEPOSIT, at=LATE, since=LATE + 2 * HOUR)
    assert (late.state, late.deposits.all[0].seen_at) == (State.EXPIRED, LATE)


def test_a_block_before_the_orders_creation_counts_from_its_creation() -> None:
    order = new_order().deposit_seen(DEPOSIT, at=NOW + SECOND, since=NOW - 2 * HOUR)
    assert order.state is State.CONFIRMING
    assert order.deposits.all[0].seen_at == NOW


def test_a_deposit_that_was_dropped_counts_again_from_its_next_time() -> None:
    seen = new_order(rate_type=RateType.FIXED).deposit_seen(DEPOSIT, at=NOW, since=NOW)
    dropped = seen.deposits_dropped(["tx"], at=NOW + SECOND)
    assert dropped.state is State.AWAITING_DEPOSIT
    again = dropped.deposit_seen(DEPOSIT, at=LATE + HOUR, since=LATE)
    assert (again.state, again.deposits.all[0].seen_at) == (State.EXPIRED, LATE)


@pytest.mark.parametrize("state", [State.PAYING_OUT, State.COMPLETED, State.CANCELLED])
def test_a_late_deposit_is_recorded_with_its_time(state: State) -> None:
    order = new_order(state=state).deposit_seen(DEPOSIT, at=LATE, since=EXPIRY)
    assert [(one.late, one.seen_at) for one in order.deposits.all] == [(True, EXPIRY)]
