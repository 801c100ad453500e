"""The bytes of an order's answer: what its wire type says, at any time, as it changes."""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.states import State
from domain.orders.wire import order_out
from gateway.api import order_encoding as module
from gateway.api.order_encoding import encode_order
from gateway.codec import success
from tests.unit.orders.test_orders import NOW, new_order

if TYPE_CHECKING:
    from domain.orders.order import Order

TEXTS = st.one_of(st.text(max_size=40), st.just('"left":12,"'), st.just('\\"left":12'))


@given(
    state=st.sampled_from(State),
    tag=st.one_of(st.none(), TEXTS),
    address=TEXTS,
    seconds=st.lists(st.integers(-7200, 7200), min_size=1, max_size=4),
)
def test_an_answer_is_its_wire_type_encoded(
    state: State, tag: str | None, address: str, seconds: list[int]
) -> None:
    order = msgspec.structs.replace(
        new_order(), state=state, destination_tag=tag, refund_address=address, pay_in_tag=tag
    )
    for offset in seconds:
        now = NOW + timedelta(seconds=offset)
        assert encode_order(order, now=now) == success(order_out(order, now=now))


def test_a_changed_order_is_answered_as_it_is_now() -> None:
    order = new_order()
    moved = msgspec.structs.replace(order, source_amount=7, state=State.PAYING_OUT)
    for one in (order, moved, order):
        assert encode_order(one, now=NOW) == success(order_out(one, now=NOW))


def test_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 3)
    monkeypatch.setattr(module, "_frames", {})
    orders: list[Order] = [new_order(id=UUID(int=number)) for number in range(5)]
    for order in orders * 2:
        assert encode_order(order, now=NOW) == success(order_out(order, now=NOW))
        assert len(module._frames) <= 3
