"""Webhooks on real PostgreSQL and Valkey, to a real HTTP receiver; the clock is the tests' own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from aiohttp import web
from valkey.asyncio import Valkey

from domain.orders.order import Order, State
from domain.partners.partner import Partner, PartnerChange
from domain.webhooks.circuit_breaker import CircuitBreaker
from domain.webhooks.events import order_status_changed
from feeds.webhooks.delivery import run_delivery
from feeds.webhooks.relay import CAPACITY, PER_ENDPOINT, QUEUE_LEASE, Relay, run_relay
from feeds.webhooks.sender import WebhookSender
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import (
    PostgresOrderRepository,
    PostgresSettlementOrderRepository,
)
from persistence.postgres.partners.partners import change_partner
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import PostgresCircuitBreakers
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.postgres.webhooks.notifications import listen_for_events
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

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SteppedClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, delta: timedelta) -> None:
        self.time += delta


class Received(msgspec.Struct):
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> UUID:
        return UUID(self.headers["X-Partner-Webhook-Id"])


class Receiver:
    """A partner's endpoint. `answer` decides what it says; everything it gets is kept."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Answer = self.ok
        self.url = ""

    async def ok(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="thanks")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(Received(dict(request.headers), await request.read()))
        return await self.answer(request)

    def __len__(self) -> int:
        return len(self.received)

    def ids(self) -> list[UUID]:
        return [received.event_id for received in self.received]


class World:
    """The tables, seen by the roles that use them, and the queue."""

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
        """Have so many orders of a partner tell of a change each."""
        add_addresses(self.owner_url, number)
        orders = [await self.order(partner, addresses=0) for _ in range(number)]
        return [e for order in orders for e in await self.move(order, State.CONFIRMING)]

    async def order(self, partner: Partner, *, addresses: int = 1) -> Order:
        add_addresses(self.owner_url, addresses)
        catalogue = await read_catalogue(self.gateway)
        order = new_order(partner, catalogue)
        desk = PostgresOrderRepository(self.gateway, lambda: catalogue)
        opened = await desk.open(order, token_hash=b"t" * 32, idempotency=None)
        return opened.order

    async def move(self, order: Order, *states: State) -> list[UUID]:
        """Move the order through states, each telling of it; return the events' ids."""
        catalogue = await read_catalogue(self.settlement)
        book = PostgresSettlementOrderRepository(self.settlement, lambda: catalogue)
        ids = []
        for state in states:
            held = await book.read(order.id)
            assert held is not None
            moved = msgspec.structs.replace(held.order, state=state, updated_at=self.clock.now())
            event = order_status_changed(uuid4(), moved, at=self.clock.now())
            assert await book.save(moved, expected_version=held.version, event=event)
            ids.append(event.id)
        return ids

    async def event_of_new_order(self, url: str | None) -> UUID:
        """Return the event of an order whose partner has this URL; None for one taken back."""
        partner = await self.partner(url or "https://example.org")
        (event_id,) = await self.move(await self.order(partner), State.CONFIRMING)
        if url is None:
            await self.change(partner, webhook_url=None)
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

    async def circuit(self, partner: Partner) -> CircuitBreaker | None:
        found = (await self.circuit_breakers.read([partner.id])).get(partner.id)
        return found.circuit_breaker if found else None

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
        **sending: Any,
    ) -> AsyncIterator[None]:
        """Run a relay and workers; stop them at the end, and let them finish.

        `listening` has the database wake the relay, and begins when it can.
        """
        stop, wake = asyncio.Event(), asyncio.Event()
        async with AsyncExitStack() as stack:
            sender = await self.sender(stack, **sending)
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
                    heard = asyncio.Event()

                    def hear() -> None:
                        heard.set()
                        wake.set()

                    tasks.create_task(listen_for_events(self.gateway_url, on_event=hear, stop=stop))
                    await heard.wait()
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


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def fail(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)
