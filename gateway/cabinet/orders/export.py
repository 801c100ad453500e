"""All orders that fit as CSV: a batch is read when the one before has been sent."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast

from blacksheep import Request, Response, StreamedContent

from cabinet_htmx.partner.csv_lines import csv_bytes
from cabinet_htmx.partner.orders.orders_csv import HEAD, order_line
from cabinet_htmx.partner.site import HEADERS
from domain.errors import Unavailable
from domain.orders.query import OrderFilter
from gateway.cabinet.orders.filters import filters_of
from gateway.cabinet.page_request import PageRequest

if TYPE_CHECKING:
    from uuid import UUID

    from blacksheep.contents import ASGIContent

BATCH: Final = 250
"""Orders that are read and written at a time: a few milliseconds of the worker's."""
AT_ONCE: Final = 4
"""Exports of one worker under way at once."""
CSV: Final = b"text/csv; charset=utf-8"

_under_way = asyncio.Semaphore(AT_ONCE)


async def export(visit: PageRequest) -> Response:
    """Send orders as CSV, newest first, as long as somebody reads."""
    filters = await filters_of(visit)
    if _under_way.locked():
        raise Unavailable("too many exports are under way")

    async def lines() -> AsyncIterator[bytes]:
        async with _under_way:
            leaving = asyncio.ensure_future(_left(visit.request))
            try:
                async for chunk in _lines(visit, filters.wanted):
                    if leaving.done():
                        break
                    yield chunk
            finally:
                leaving.cancel()

    name = f"attachment; filename=orders-{visit.now:%Y-%m-%d}.csv"
    headers = [
        *((name.encode(), value.encode()) for name, value in HEADERS.items()),
        (b"Cache-Control", b"no-store"),
        (b"Content-Disposition", name.encode()),
    ]
    return Response(200, headers, StreamedContent(CSV, lines))


async def _lines(visit: PageRequest, wanted: OrderFilter) -> AsyncIterator[bytes]:
    orders, partner_id = visit.cabinet.parts.reading.orders, visit.member.partner_id
    yield csv_bytes([HEAD])
    older_than: UUID | None = None
    while True:
        page = await orders.page(partner_id, wanted, older_than=older_than, limit=BATCH)
        if page.orders:
            yield csv_bytes([order_line(one) for one in page.orders])
        if not page.has_older:
            return
        older_than = page.looked_back_to or page.orders[-1].order.id


async def _left(request: Request) -> None:
    """Return when whoever asked has gone away."""
    receive = cast("ASGIContent", request.content).receive
    while (await receive())["type"] != "http.disconnect":
        pass
