"""The transitions of an order, and the status its partner sees."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import InvalidTransition
from domain.orders.deposits import Deposit, Deposits, ObservedDeposit
from domain.orders.states import STATUS_OF, Emergency, State, Status
from domain.orders.wire import order_out
from tests.support.builders.order_states import DEPOSIT, NOW, TERMS, confirmed, new_order


def test_a_successful_order_is_new_then_pending_then_exchange_then_done() -> None:
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


def test_a_float_order_is_priced_again_at_the_amount_received() -> None:
    order = confirmed(new_order().deposit_seen(ObservedDeposit("tx", 5_000), at=NOW), 5_000)
    assert order.source_amount == 5_000
    assert str(order.rate) == "1.990000000"
    assert order.destination_amount == 5_000 * 199 // 100 - 100


def test_every_state_has_a_status() -> None:
    assert set(STATUS_OF) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_each_state_allows_only_its_own_transitions(state: State) -> None:
    emergency = (Emergency.LIMIT,) if STATUS_OF[state] is Status.EMERGENCY else ()
    order = new_order(state=state, emergency=emergency)
    deposit = Deposit(tx_id="tx", amount=10_000, seen_at=NOW)
    seen = msgspec.structs.replace(order, deposits=Deposits((deposit,)))
    paid = msgspec.structs.replace(seen, deposits=seen.deposits.with_confirmed([DEPOSIT], at=NOW))
    moves: dict[str, Any] = {
        "seen": lambda: order.deposit_seen(ObservedDeposit("tx", 1), at=NOW),
        "confirmed": lambda: confirmed(seen, 10_000),
        "paid": lambda: paid.payout_broadcast("x", at=NOW),
        "expired": lambda: order.expired(at=NOW),
        "cancelled": lambda: order.cancelled(at=NOW),
        "exchange": lambda: paid.exchange_chosen(terms=TERMS, at=NOW),
        "refund": lambda: paid.refunded("x", at=NOW),
    }
    allowed = {
        State.AWAITING_DEPOSIT: {"seen", "confirmed", "expired", "cancelled"},
        State.CONFIRMING: {"seen", "confirmed"},
        State.PAYING_OUT: {"seen", "confirmed", "paid"},
        State.EXPIRED: {"seen", "confirmed"},
        State.HELD: {"seen", "confirmed", "exchange", "refund", "cancelled"},
        State.REFUNDING: {"seen", "confirmed", "refund"},
    }.get(state, {"seen", "confirmed"})
    for name, move in moves.items():
        if name in allowed:
            move()
        else:
            with pytest.raises(InvalidTransition):
                move()


def test_time_left_is_never_negative_and_is_zero_for_final_orders() -> None:
    order = new_order()
    assert order_out(order, now=NOW).time.left == 1800
    assert order_out(order, now=NOW + timedelta(hours=1)).time.left == 0
    assert order_out(order.cancelled(at=NOW), now=NOW).time.left == 0
