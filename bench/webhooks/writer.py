"""`python -m bench.webhooks.writer`: moves orders at a rate, each move with its event.

It uses the statement of settlement: order and event are committed together. Each order is moved
three times by one task, so that its events are created in sequence. The return of each commit is
appended to a file: seconds (monotonic) and the event's id. With `batch` above 1, that many events
share a commit and the orders are not moved: moving them, which is not part of delivery, would use
most of two cores.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import uvloop
from psqlpy.exceptions import Error

from bench.webhooks.orders import bench_order
from domain.errors import Unavailable
from domain.orders.order import Order
from domain.orders.states import State
from domain.webhooks.events import order_status_changed
from gateway.runtime.clock import SystemClock, new_id
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database

CONCURRENCY: Final = 24
STATES: Final = (State.CONFIRMING, State.PAYING_OUT, State.COMPLETED)
CLOCK: Final = SystemClock()


class Work(msgspec.Struct):
    """What to write: orders with their partners, and events per second."""

    database_url: str
    orders: list[tuple[UUID, UUID]]
    rate: float
    file: str
    batch: int = 1


STORE: Final = """
INSERT INTO webhook_events
  (id, partner_id, order_id, position, type, dedup_key, body, due_at, created_at)
SELECT id, partner_id, order_id, $2, type, dedup_key, convert_to(body, 'UTF8'), now(), now()
FROM json_to_recordset($1::text::json) AS event (
  id uuid, partner_id uuid, order_id uuid, type text, dedup_key text, body text)
ORDER BY id
"""


async def write(work: Work) -> None:
    """Move all orders; each move is repeated until it is confirmed."""
    database = Database(work.database_url, size=8, application="swapgate-bench")
    catalogue = await read_catalogue(database)
    new_order = partial(
        bench_order,
        source=catalogue.assets["btc"],
        destination=catalogue.assets["usdt_trc20"],
    )
    repository = PostgresSettlementOrderRepository(database, lambda: catalogue)
    remaining = iter(work.orders)
    tickets = _tickets(work.rate)
    committed: list[str] = []

    async def move_orders() -> None:
        for order_id, partner_id in remaining:
            order = new_order(order_id, partner_id)
            for version, state in enumerate(STATES, start=1):
                await asyncio.sleep(next(tickets) - time.monotonic())
                order = msgspec.structs.replace(order, state=state, updated_at=CLOCK.now())
                event_id = await _move(repository, order, version)
                committed.append(f"{time.monotonic():.6f} {event_id}\n")

    async def write_batches() -> None:
        while group := list(islice(remaining, work.batch)):
            orders = [new_order(*one) for one in group]
            for version, state in enumerate(STATES, start=1):
                due = [next(tickets) for _ in orders]
                await asyncio.sleep(due[-1] - time.monotonic())
                ids = await _store(database, orders, version, state)
                now = f"{time.monotonic():.6f}"
                committed.extend(f"{now} {event_id}\n" for event_id in ids)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONCURRENCY):
            tasks.create_task(move_orders() if work.batch == 1 else write_batches())
    await asyncio.to_thread(Path(work.file).write_text, "".join(committed))
    database.close()


def _tickets(rate: float) -> Iterator[float]:
    """Yield the times at which the events are due, on one schedule for all tasks."""
    moment = time.monotonic()
    while True:
        moment += 1 / rate
        yield moment


async def _move(repository: PostgresSettlementOrderRepository, order: Order, version: int) -> UUID:
    """Save the order with its event; repeat it if the result is lost.

    If the first try was committed, the second one finds the order moved, by the same event.
    """
    event = order_status_changed(new_id(), order, at=order.updated_at)
    while True:
        try:
            await repository.save(order, expected_version=version, event=event)
        except (Unavailable, Error):
            await asyncio.sleep(0.1)
        else:
            return event.id


async def _store(
    database: Database, orders: Sequence[Order], version: int, state: State
) -> Sequence[UUID]:
    """Store the events of these orders' moves to a state, in one statement."""
    now, rows = CLOCK.now(), []
    for order in orders:
        moved = msgspec.structs.replace(order, state=state, updated_at=now)
        event = order_status_changed(new_id(), moved, at=now)
        rows.append(
            {
                "id": event.id,
                "partner_id": order.partner_id,
                "order_id": order.id,
                "type": event.type.value,
                "dedup_key": event.dedup_key,
                "body": event.body.decode(),
            }
        )
    await database.fetch(STORE, [msgspec.json.encode(rows).decode(), version])
    return [row["id"] for row in rows]  # type: ignore[misc]


if __name__ == "__main__":
    uvloop.run(write(msgspec.json.decode(sys.stdin.buffer.read(), type=Work)))
