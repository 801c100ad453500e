"""The response of /v1/order: all bytes but the seconds left are the same while an order is."""

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.orders.order import Order
from domain.orders.wire import order_out, seconds_left
from gateway.codec import success

if TYPE_CHECKING:
    from uuid import UUID

MAX_CACHED: Final = 2_000
"""Orders whose layout is cached, of about 1 KB each."""
_LEFT: Final = b'"left":'


class _Layout(NamedTuple):
    """An order, and the bytes before and after the value of `time.left`."""

    order: Order
    before: bytes
    after: bytes


class OrderEncoder:
    """Encodes orders; keeps a layout for each of the orders that were added last."""

    def __init__(self, *, max_cached: int = MAX_CACHED, public_url: str = "") -> None:
        """`public_url` is where the public pages are, as for `order_out`."""
        self._max_cached = max_cached
        self.public_url = public_url
        self._layouts: dict[UUID, _Layout] = {}

    def encode(self, order: Order, *, now: datetime) -> bytes:
        """Return the whole body: what `success` returns for the OrderOut, byte for byte."""
        layout = self._layouts.get(order.id)
        if layout is None or layout.order is not order:
            layout = self._add(order, now)
        return b"%b%d%b" % (layout.before, seconds_left(order, now), layout.after)

    def _add(self, order: Order, now: datetime) -> _Layout:
        # No text of a partner or user precedes `time`, so the first occurrence is the field.
        before, _, rest = self._encoded(order, now).partition(_LEFT)
        if len(self._layouts) >= self._max_cached:
            del self._layouts[next(iter(self._layouts))]
        layout = _Layout(order, before + _LEFT, rest.lstrip(b"0123456789"))
        self._layouts[order.id] = layout
        return layout

    def _encoded(self, order: Order, now: datetime) -> bytes:
        return success(order_out(order, now=now, public_url=self.public_url))
