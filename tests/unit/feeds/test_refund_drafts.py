"""Refunds of which too little remains are on hold, and not attempted forever."""

import msgspec
import pytest

from domain.chains.attempts import failure_of
from domain.chains.outflows import BelowDustLimit, OutflowKind
from domain.orders.order import Order
from domain.orders.states import Choice, State
from feeds.settlement.payouts.drafts import draft_outflow
from tests.support.builders.order_states import all_confirmed, asset, new_order, with_seen


def refundable(amount: int) -> Order:
    source = msgspec.structs.replace(asset("aaa", network_fee=40), dust_limit=10)
    order = all_confirmed(with_seen(new_order(source=source), amount))
    return msgspec.structs.replace(order, choice=Choice.REFUND)


def test_a_refund_is_the_deposit_less_the_network_fee() -> None:
    assert draft_outflow(refundable(50), OutflowKind.REFUND).amount == 10


@pytest.mark.parametrize("amount", [39, 40, 49])
def test_a_refund_below_the_dust_limit_is_on_hold_until_the_operator_decides(amount: int) -> None:
    with pytest.raises(BelowDustLimit) as raised:
        draft_outflow(refundable(amount), OutflowKind.REFUND)
    failure = failure_of(raised.value)
    assert (failure.reason.value, failure.is_held) == ("below_dust_limit", True)
    assert not failure.is_attempted_again


def test_the_refund_of_a_voided_payout_leaves_out_what_is_refunded_as_excess() -> None:
    order = msgspec.structs.replace(refundable(250), state=State.COMPLETED, source_amount=150)
    assert draft_outflow(order, OutflowKind.REFUND).amount == 110
