"""Exports all matching orders as CSV, in batches, at the pace of the client."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast

from blacksheep import Request, Response, StreamedContent

from cabinet_htmx.partner.csv_file import csv_bytes
from cabinet_htmx.partner.orders.orders_csv import HEADER, order_line
from domain.errors import Unavailable
from domain.orders.query import OrderFilter
from gateway.cabinet.downloads import CSV, download_headers
from gateway.cabinet.orders.filters import filters_of
from gateway.cabinet.page_request import PageRequest

if TYPE_CHECKING:
    from uuid import UUID

    from blacksheep.contents import ASGIContent

BATCH_SIZE: Final = 250
"""Orders read and written at a time, which occupies a worker for a few milliseconds."""
MAX_CONCURRENT: Final = 4
"""Exports in progress per worker."""

_in_progress = asyncio.Semaphore(MAX_CONCURRENT)


async def export(request: PageRequest) -> Response:
    """Stream orders as CSV, newest first, until the client disconnects."""
    selection = await filters_of(request)
    if _in_progress.locked():
        raise Unavailable("too many exports are in progress")

    async def chunks() -> AsyncIterator[bytes]:
        async with _in_progress:
            disconnected = asyncio.ensure_future(_disconnected(request.raw))
            try:
                async for chunk in _chunks(request, selection.filters):
                    if disconnected.done():
                        break
                    yield chunk
            finally:
                disconnected.cancel()

    headers = download_headers(f"orders-{request.now:%Y-%m-%d}.csv")
    return Response(200, headers, StreamedContent(CSV, chunks))


async def _chunks(request: PageRequest, filters: OrderFilter) -> AsyncIterator[bytes]:
    orders = request.ports.queries.orders
    yield csv_bytes([HEADER])
    older_than: UUID | None = None
    while True:
        page = await orders.page(
            request.partner_id, filters, older_than=older_than, limit=BATCH_SIZE
        )
        if page.orders:
            yield csv_bytes([order_line(one) for one in page.orders])
        if not page.has_older:
            return
        older_than = page.searched_back_to or page.orders[-1].order.id


async def _disconnected(raw: Request) -> None:
    """Return when the client has disconnected."""
    receive = cast("ASGIContent", raw.content).receive
    while (await receive())["type"] != "http.disconnect":
        pass
