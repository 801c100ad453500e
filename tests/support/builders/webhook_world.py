"""Webhook delivery on real PostgreSQL and Valkey, with a clock that the test advances."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from valkey.asyncio import Valkey

from domain.orders.order import Order
from domain.orders.states import State
from domain.partners.partner import Partner, PartnerChange
from domain.webhooks.circuit_breaker import CircuitBreaker
from domain.webhooks.events import order_status_changed
from feeds.webhooks.delivery import run_delivery
from feeds.webhooks.relay import CAPACITY, PER_ENDPOINT, QUEUE_LEASE, Relay, run_relay
from feeds.webhooks.sender import WebhookSender
from gateway.runtime.clock import new_id
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.partners.partners import change_partner
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import PostgresCircuitBreakers
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.valkey.stream import WebhookStream
from tests.conftest import DatabaseUrls
from tests.support.builders.records import (
    KEYRING,
    START,
    add_addresses,
    new_order,
    stored_partner,
)
from tests.support.waiting import wait_until_async


class SteppedClock:
    """A clock that only `advance` moves."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, delta: timedelta) -> None:
        self.time += delta


class World:
    """The database by role, the queue, and the dependencies of the relay and the workers."""

    def __init__(self, urls: DatabaseUrls, valkey: Valkey) -> None:
        self.clock = SteppedClock()
        self.owner_url = urls.owner
        self.gateway_url = urls.gateway
        self.gateway = Database(urls.gateway, session=SESSION)
        self.settlement = Database(urls.settlement)
        self.admin = Database(urls.admin)
        self.outbox = PostgresOutbox(self.gateway)
        self.deliveries = PostgresDeliveries(self.gateway, KEYRING)
        self.circuit_breakers = PostgresCircuitBreakers(self.gateway)
        self.valkey = valkey

    def close(self) -> None:
        for database in (self.gateway, self.settlement, self.admin):
            database.close()

    def own(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement as the tables' owner."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    async def partner(self, url: str | None) -> Partner:
        return await stored_partner(self.admin, webhook_url=url)

    async def change(self, partner: Partner, **settings: Any) -> None:
        if settings.get("webhook_url", "") is None:
            settings["webhook_url"] = ""
        await change_partner(self.admin, partner.id, PartnerChange(**settings))

    async def events_of(self, partner: Partner, number: int) -> list[UUID]:
        """Return the event of one change of each of `number` new orders."""
        add_addresses(self.owner_url, number)
        orders = [await self.order(partner, addresses=0) for _ in range(number)]
        return [e for order in orders for e in await self.move(order, State.CONFIRMING)]

    async def order(self, partner: Partner, *, addresses: int = 1) -> Order:
        add_addresses(self.owner_url, addresses)
        catalogue = await read_catalogue(self.gateway)
        order = new_order(partner, catalogue)
        repository = PostgresOrderRepository(self.gateway, lambda: catalogue)
        opened = await repository.open(order, token_hash=b"t" * 32, idempotency=None)
        return opened.order

    async def move(self, order: Order, *states: State) -> list[UUID]:
        """Move the order through these states; return the ids of the events."""
        catalogue = await read_catalogue(self.settlement)
        repository = PostgresSettlementOrderRepository(self.settlement, lambda: catalogue)
        ids = []
        for state in states:
            stored = await repository.read(order.id)
            assert stored is not None
            moved = msgspec.structs.replace(stored.order, state=state, updated_at=self.clock.now())
            event = order_status_changed(new_id(), moved, at=self.clock.now())
            assert await repository.save(moved, expected_version=stored.version, event=event)
            ids.append(event.id)
        return ids

    async def event_of_new_order(self, url: str) -> UUID:
        """Return the event of a new order whose partner has this URL."""
        partner = await self.partner(url)
        (event_id,) = await self.move(await self.order(partner), State.CONFIRMING)
        return event_id

    def row(self, event_id: UUID) -> dict[str, Any]:
        names = ("status", "attempts", "due_at", "lease", "leased_until", "finished_at")
        (row,) = self.own(
            f"SELECT {', '.join(names)} FROM webhook_events WHERE id = %s", (event_id,)
        )
        return dict(zip(names, row, strict=True))

    async def after_attempts(self, event_id: UUID, number: int) -> dict[str, Any]:
        return await wait_until_async(
            lambda: self.row(event_id), lambda row: bool(row["attempts"] == number)
        )

    async def until_status(self, status: str, *event_ids: UUID) -> None:
        """Wait until all these events have this status."""
        await wait_until_async(
            lambda: {self.status(event_id) for event_id in event_ids}, {status}.__eq__
        )

    async def claim(
        self, *, limit: int = 1, capacity: int = CAPACITY, per_endpoint: int = PER_ENDPOINT
    ) -> Sequence[UUID]:
        now = self.clock.now()
        return await self.outbox.claim_due(
            now=now,
            leased_until=now + QUEUE_LEASE,
            capacity=capacity,
            per_endpoint=per_endpoint,
            limit=limit,
        )

    async def circuit_breaker(self, partner: Partner) -> CircuitBreaker | None:
        versioned = (await self.circuit_breakers.read([partner.id])).get(partner.id)
        return versioned.circuit_breaker if versioned else None

    def status(self, event_id: UUID) -> str:
        return str(self.row(event_id)["status"])

    def attempts(self, event_id: UUID) -> list[tuple[int, int | None, str | None]]:
        sql = (
            "SELECT attempt, http_status, error FROM webhook_attempts WHERE event_id = %s"
            " ORDER BY attempt"
        )
        return [(row[0], row[1], row[2]) for row in self.own(sql, (event_id,))]

    def stream(self, consumer: str = "c1", **options: Any) -> WebhookStream:
        return WebhookStream(self.valkey, consumer=consumer, block_ms=50, **options)

    def relay(self) -> Relay:
        return Relay(
            outbox=self.outbox, queue=self.stream(), clock=self.clock, wake=asyncio.Event()
        )

    async def sender(self, stack: AsyncExitStack, **options: Any) -> WebhookSender:
        options = {"allow_insecure": True, **options}
        return await stack.enter_async_context(WebhookSender(clock=self.clock, **options))

    @asynccontextmanager
    async def delivering(
        self,
        *,
        workers: int = 1,
        capacity: int = CAPACITY,
        per_endpoint: int = PER_ENDPOINT,
        listening: bool = False,
        **sender_options: Any,
    ) -> AsyncIterator[None]:
        """Run a relay and workers; at the end, stop them and wait until they have finished.

        With `listening`, the database's notifications wake the relay.
        """
        stop, wake = asyncio.Event(), asyncio.Event()
        async with AsyncExitStack() as stack:
            sender = await self.sender(stack, **sender_options)
            relay = run_relay(
                outbox=self.outbox,
                queue=self.stream(),
                clock=self.clock,
                stop=stop,
                wake=wake,
                capacity=capacity,
                per_endpoint=per_endpoint,
            )
            delivery = [
                self.worker(
                    sender,
                    stop,
                    consumer=f"c{number}",
                    on_settled=wake.set,
                    per_endpoint=per_endpoint,
                )
                for number in range(workers)
            ]
            async with asyncio.TaskGroup() as tasks:
                for work in (relay, *delivery):
                    tasks.create_task(work)
                if listening:
                    connected = asyncio.Event()

                    def on_work() -> None:
                        connected.set()
                        wake.set()

                    tasks.create_task(
                        listen(self.gateway_url, Channel.WEBHOOK_EVENTS, on_work=on_work, stop=stop)
                    )
                    await connected.wait()
                try:
                    yield
                finally:
                    stop.set()

    async def worker(
        self,
        sender: WebhookSender,
        stop: asyncio.Event,
        consumer: str = "c1",
        on_settled: Callable[[], None] = lambda: None,
        per_endpoint: int = PER_ENDPOINT,
    ) -> None:
        await run_delivery(
            deliveries=self.deliveries,
            circuit_breakers=self.circuit_breakers,
            queue=self.stream(consumer),
            sender=sender,
            clock=self.clock,
            new_id=uuid4,
            uniform=lambda low, high: (low + high) / 2,
            stop=stop,
            on_settled=on_settled,
            per_endpoint=per_endpoint,
        )
