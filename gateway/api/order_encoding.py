"""An order as /v1/order answers it: its bytes are made once for as long as it stays as it is."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from domain.orders.order import Order
from domain.orders.wire import order_out, seconds_left
from gateway.codec import success

MAX_CACHED: Final = 2_000
"""Orders whose bytes are kept: some 1 KB each."""
_LEFT: Final = b'"left":'


class _Layout(NamedTuple):
    """An order, and the bytes before and after `time.left`."""

    order: Order
    before: bytes
    after: bytes


_frames: dict[UUID, _Layout] = {}


def encode_order(order: Order, *, now: datetime) -> bytes:
    """Return the whole answer: what `success` gives for the order's OrderOut, byte for byte."""
    frame = _frames.get(order.id)
    if frame is None or frame.order is not order:
        frame = _made(order, now)
    return b"%b%d%b" % (frame.before, seconds_left(order, now), frame.after)


def _made(order: Order, now: datetime) -> _Layout:
    # Of what stands before, nothing is anybody's text: the first is the one.
    before, _, rest = success(order_out(order, now=now)).partition(_LEFT)
    if len(_frames) >= MAX_CACHED:
        del _frames[next(iter(_frames))]
    frame = _frames[order.id] = _Layout(order, before + _LEFT, rest.lstrip(b"0123456789"))
    return frame
