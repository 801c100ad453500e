"""Leases of webhook events: exclusive, taken over, and recovered after outages."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from domain.errors import Unavailable
from domain.webhooks.delivery import Attempt, FinishedAttempt
from feeds.webhooks.delivery import LEASE
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.valkey.stream import GROUP, STREAM
from tests.support.builders.records import KEYRING, START
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint
from tests.support.waiting import wait_until_async


async def test_attempt_recorded_under_an_expired_lease_changes_nothing(world: World) -> None:
    event_id = await world.event_of_new_order("https://example.org")
    late, current = uuid4(), uuid4()
    attempt = Attempt(START, timedelta(milliseconds=5), 200, None)

    async def acquire(lease: UUID) -> None:
        now = world.clock.now()
        await world.claim()
        leased = await world.deliveries.lease(
            [event_id], lease=lease, now=now, leased_until=now + LEASE
        )
        assert [one.event.id for one in leased] == [event_id]

    async def record(lease: UUID, attempt: Attempt) -> bool:
        finished = FinishedAttempt(event_id, lease, attempt, retry_at=None)
        return event_id in await world.deliveries.record([finished], now=world.clock.now())

    await acquire(late)
    world.clock.advance(LEASE)
    assert await world.outbox.release_expired(now=world.clock.now()) == 1
    await acquire(current)

    before = world.row(event_id)
    assert await record(late, attempt) is False
    assert (world.row(event_id), world.attempts(event_id)) == (before, [])
    assert await record(current, msgspec.structs.replace(attempt, http_status=500)) is True
    assert await record(late, attempt) is False
    assert world.status(event_id) == "dead"


async def test_lease_is_exclusive_until_it_expires(world: World) -> None:
    event_id = await world.event_of_new_order("https://example.org")
    await world.claim()

    async def acquire() -> int:
        now = world.clock.now()
        leased_until = now + LEASE
        return len(
            await world.deliveries.lease(
                [event_id], lease=uuid4(), now=now, leased_until=leased_until
            )
        )

    assert sorted(await asyncio.gather(*(acquire() for _ in range(8)))) == [0] * 7 + [1]
    world.clock.advance(LEASE)
    assert await acquire() == 1


async def test_event_that_a_late_relay_locks_for_a_moment_is_leased_all_the_same(
    world: World,
) -> None:
    """A claim that began before another's commit locks that one's rows, to find them claimed."""
    event_id = await world.event_of_new_order("https://example.org")
    await world.claim()
    now = world.clock.now()
    with psycopg.connect(world.owner_url) as late:
        late.execute("SELECT FROM webhook_events WHERE id = %s FOR UPDATE", (event_id,))
        leasing = asyncio.create_task(
            world.deliveries.lease([event_id], lease=uuid4(), now=now, leased_until=now + LEASE)
        )
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await wait_until_async(lambda: bool(world.own(waiting)))
    assert [one.event.id for one in await leasing] == [event_id]


async def test_plans_made_for_an_empty_outbox_are_fast_for_a_long_queue(world: World) -> None:
    """As after a restore: the planner believes that the table is empty, and caches its plans."""
    world.own("ANALYZE")
    gateway = Database(world.gateway_url, size=2, session=SESSION, statement_timeout_ms=1_000)
    world.outbox = PostgresOutbox(gateway)
    world.deliveries = PostgresDeliveries(gateway, KEYRING)
    for _ in range(20):
        assert await world.claim() == []
    partners = [await world.partner("https://example.org") for _ in range(20)]
    world.own(
        "INSERT INTO webhook_events"
        " (id, partner_id, order_id, position, type, dedup_key, body, due_at, created_at)"
        " SELECT gen_random_uuid(), id, NULL, n, 'partner.paid_out', '', '', %s, now()"
        " FROM unnest(%s) AS id, generate_series(1, 1000) AS n",
        (START, [partner.id for partner in partners]),
    )
    for _ in range(5):
        ids = await world.claim(limit=200, capacity=100_000)
        assert len(ids) == 200
        now, lease = world.clock.now(), uuid4()
        leased = await world.deliveries.lease(ids, lease=lease, now=now, leased_until=now + LEASE)
        attempt = Attempt(START, timedelta(), 200, None)
        finished = [FinishedAttempt(one.event.id, lease, attempt, None) for one in leased]
        assert len(await world.deliveries.record(finished, now=now)) == 200
    gateway.close()


async def test_attempt_that_cannot_be_recorded_causes_no_other_to_be_repeated(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await world.events_of(await world.partner(endpoint.url), 8)
    record = world.deliveries.record

    async def record_but_one(finished: list[FinishedAttempt], **rest: Any) -> Any:
        if any(one.event_id == ids[3] for one in finished):
            raise ValueError("cannot be recorded")
        return await record(finished, **rest)

    monkeypatch.setattr(world.deliveries, "record", record_but_one)
    others = [event_id for event_id in ids if event_id != ids[3]]
    async with world.delivering():
        await world.until_status("delivered", *others)
        await wait_until_async(lambda: len(endpoint.requests) == 8)

    assert Counter(endpoint.ids()) == Counter(ids)
    assert world.row(ids[3])["status"] == "queued"  # until its lease ends


async def test_entries_read_during_a_database_outage_are_leased_after_it(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease_events, failed_once = world.deliveries.lease, asyncio.Event()

    async def take_later(*ids: Any, **lease: Any) -> Any:
        if not failed_once.is_set():
            failed_once.set()
            raise Unavailable("starting")
        return await lease_events(*ids, **lease)

    monkeypatch.setattr(world.deliveries, "lease", take_later)
    event_id = await world.event_of_new_order(endpoint.url)
    async with world.delivering():  # the clock does not advance: no lease expires
        await world.until_status("delivered", event_id)

    assert failed_once.is_set()


async def test_entries_of_an_idle_worker_are_reclaimed_without_the_deleted_ones(
    world: World,
) -> None:
    stuck, other = world.stream("stuck"), world.stream("other", min_idle_ms=0)
    assert await stuck.read(count=2) == {}  # makes the group
    ids = [uuid4(), uuid4()]
    await stuck.add(ids)
    deleted, remaining = await stuck.read(count=2)
    await world.valkey.xdel(STREAM, deleted)

    assert await other.reclaim(count=10) == {remaining: ids[1]}
    await other.remove([remaining])
    assert await world.valkey.xlen(STREAM) == 0
    assert (await world.valkey.xpending(STREAM, GROUP))["pending"] == 0


async def test_entry_without_an_event_id_is_removed(world: World) -> None:
    stream = world.stream()
    await stream.read(count=1)
    await world.valkey.xadd(STREAM, {"event": "nonsense"})
    await world.valkey.xadd(STREAM, {"other": "field"})

    assert await stream.read(count=2) == {}
    assert await world.valkey.xlen(STREAM) == 0
