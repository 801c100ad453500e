"""The bytes of /v1/order equal those of the wire type, at any time and as the order changes."""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.deposits import ObservedDeposit
from domain.orders.states import State
from domain.orders.wire import order_out
from gateway.api.order_encoding import OrderEncoder
from gateway.codec import success
from tests.support.builders.order_states import NOW, new_order

if TYPE_CHECKING:
    from domain.orders.order import Order

TEXTS = st.one_of(st.text(max_size=40), st.just('"left":12,"'), st.just('\\"left":12'))


@given(
    state=st.sampled_from(State),
    tag=st.one_of(st.none(), TEXTS),
    address=TEXTS,
    seconds=st.lists(st.integers(-7200, 7200), min_size=1, max_size=4),
)
def test_an_encoded_order_equals_its_encoded_wire_type(
    state: State, tag: str | None, address: str, seconds: list[int]
) -> None:
    order = msgspec.structs.replace(
        new_order(), state=state, destination_tag=tag, refund_address=address, pay_in_tag=tag
    )
    encoder = OrderEncoder()
    for offset in seconds:
        now = NOW + timedelta(seconds=offset)
        assert encoder.encode(order, now=now) == success(order_out(order, now=now))


def test_a_changed_order_is_encoded_in_its_new_state() -> None:
    order = new_order()
    changed = msgspec.structs.replace(order, source_amount=7, state=State.PAYING_OUT)
    encoder = OrderEncoder()
    for version in (order, changed, order):
        assert encoder.encode(version, now=NOW) == success(order_out(version, now=NOW))


def test_every_transaction_of_an_order_has_its_page_in_an_explorer() -> None:
    order = new_order(payout_tx_id="paid", refund_tx_id="back")
    order = msgspec.structs.replace(
        order,
        source=msgspec.structs.replace(order.source, explorer="https://a.example/{}"),
        destination=msgspec.structs.replace(order.destination, explorer="https://b.example/{}"),
    )
    paid_in = order.deposit_seen(ObservedDeposit("in", 10_000), at=NOW)
    out = order_out(paid_in, now=NOW)
    assert out.source.tx.explorer == "https://a.example/in"
    assert out.destination.tx.explorer == "https://b.example/paid"
    assert out.back.tx.explorer == "https://a.example/back"
    assert order_out(new_order(), now=NOW).back.tx.explorer is None


def test_the_number_of_cached_layouts_is_bounded() -> None:
    orders: list[Order] = [new_order(id=UUID(int=number)) for number in range(5)]
    encoder = OrderEncoder(max_cached=3)
    for order in orders * 2:
        assert encoder.encode(order, now=NOW) == success(order_out(order, now=NOW))
        assert len(encoder._layouts) <= 3
