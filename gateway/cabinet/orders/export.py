"""Exports all matching orders as CSV, in batches, at the pace of the client."""

import asyncio
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

from blacksheep import Request, Response, StreamedContent

from cabinet_htmx.partner.csv_file import csv_bytes
from cabinet_htmx.partner.orders.orders_csv import HEADER, order_line
from domain.orders.query import OrderFilter
from gateway.cabinet.downloads import CSV, download_headers
from gateway.cabinet.errors import TooManyExports
from gateway.cabinet.orders.filters import filters_of
from gateway.cabinet.page_request import PageRequest
from gateway.http.connections.pieces import pieces_of

if TYPE_CHECKING:
    from blacksheep.contents import ASGIContent

BATCH_SIZE: Final = 250
"""Orders read and written at a time, which occupies a worker for a few milliseconds."""
MAX_PER_PARTNER: Final = 2
"""Exports of a partner in progress per worker."""
MAX_READING: Final = 2
"""Exports per worker that read a batch at a time: half of the connections of the cabinet."""

_in_progress: Counter[UUID] = Counter()
_reading = asyncio.Semaphore(MAX_READING)


async def export(request: PageRequest) -> Response:
    """Stream orders as CSV, newest first, until the client disconnects.

    While the client is slow, the export occupies neither a database connection nor another
    partner's turn; the send deadline ends it if the client reads nothing.
    """
    selection = await filters_of(request)
    partner_id = request.partner_id
    if _in_progress[partner_id] >= MAX_PER_PARTNER:
        raise TooManyExports
    _in_progress[partner_id] += 1

    async def pieces() -> AsyncIterator[bytes]:
        disconnected = asyncio.ensure_future(_disconnected(request.raw))
        try:
            async for batch in _batches(request, selection.filters):
                for piece in pieces_of(batch):
                    if disconnected.done():
                        return
                    yield piece
        finally:
            disconnected.cancel()
            ended()

    # Also if the response is never begun, because the client has disconnected already.
    ended = weakref.finalize(pieces, _end, partner_id)
    headers = download_headers(f"orders-{request.now:%Y-%m-%d}.csv")
    return Response(200, headers, StreamedContent(CSV, pieces))


def _end(partner_id: UUID) -> None:
    _in_progress[partner_id] -= 1
    if not _in_progress[partner_id]:
        del _in_progress[partner_id]


async def _batches(request: PageRequest, filters: OrderFilter) -> AsyncIterator[bytes]:
    orders = request.ports.queries.orders
    yield csv_bytes([HEADER])
    older_than: UUID | None = None
    while True:
        async with _reading:
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
