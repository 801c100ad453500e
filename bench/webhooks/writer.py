"""`python -m bench.webhooks.writer`: moves orders at a rate, each move with its event.

By the statement that settlement uses: order and event commit together. Each order is moved three
times by one lane, so that its events are made in order. When each commit returned is appended to a
file: seconds (monotonic) and the event's id.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import uvloop
from psqlpy.exceptions import Error

from bench.webhooks.orders import bench_order
from domain.errors import Unavailable
from domain.orders import Order, State
from domain.webhooks import order_status_changed
from gateway.clock import SystemClock, new_id
from persistence.postgres.catalogue import read_catalogue
from persistence.postgres.orders import PostgresOrderBook
from persistence.postgres.pool import Database

LANES: Final = 24
STATES: Final = (State.CONFIRMING, State.PAYING_OUT, State.COMPLETED)
CLOCK: Final = SystemClock()


class Work(msgspec.Struct):
    """What to write: orders with their partners, and events a second."""

    database_url: str
    orders: list[tuple[UUID, UUID]]
    rate: float
    file: str


async def write(work: Work) -> None:
    """Move all orders; each move is made again until it is known to be made."""
    database = Database(work.database_url, size=8, application="swapgate-bench")
    catalogue = await read_catalogue(database)
    book = PostgresOrderBook(database, lambda: catalogue)
    todo = iter(work.orders)
    tickets = _tickets(work.rate)
    committed: list[str] = []

    async def lane() -> None:
        for order_id, partner_id in todo:
            order = bench_order(order_id, partner_id, catalogue)
            for version, state in enumerate(STATES, start=1):
                await asyncio.sleep(next(tickets) - time.monotonic())
                order = msgspec.structs.replace(order, state=state, updated_at=CLOCK.now())
                event_id = await _move(book, order, version)
                committed.append(f"{time.monotonic():.6f} {event_id}\n")

    async with asyncio.TaskGroup() as lanes:
        for _ in range(LANES):
            lanes.create_task(lane())
    await asyncio.to_thread(Path(work.file).write_text, "".join(committed))
    database.close()


def _tickets(rate: float) -> Iterator[float]:
    """Yield the moments at which the events are due, on one schedule for all lanes."""
    moment = time.monotonic()
    while True:
        moment += 1 / rate
        yield moment


async def _move(book: PostgresOrderBook, order: Order, version: int) -> UUID:
    """Save the order with its event; where the answer is lost, save both again.

    If the first try was committed after all the second finds the order moved: by the same event.
    """
    event = order_status_changed(new_id(), order, at=order.updated_at)
    while True:
        try:
            await book.save(order, expected_version=version, event=event)
        except (Unavailable, Error):
            await asyncio.sleep(0.1)
        else:
            return event.id


if __name__ == "__main__":
    uvloop.run(write(msgspec.json.decode(sys.stdin.buffer.read(), type=Work)))
