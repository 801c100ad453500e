"""Delivery of webhooks from the outbox to their endpoints, through outages in between."""

import asyncio
import hashlib
import hmac
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from aiohttp import web
from psqlpy.exceptions import Error

from domain.errors import Unavailable
from domain.orders.states import State
from domain.webhooks.delivery import Attempt, FinishedAttempt
from domain.webhooks.retry_schedule import RETRY_SCHEDULE
from feeds.webhooks.delivery import LEASE
from feeds.webhooks.relay import QUEUE_LEASE
from feeds.webhooks.sender import TIMEOUT_SECONDS
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.valkey.stream import GROUP, STREAM
from tests.conftest import Servers
from tests.support.builders.records import KEYRING, START, WEBHOOK_SECRET
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint, accept, fail, hang
from tests.support.waiting import wait_until_async


async def test_event_is_delivered_with_the_headers_and_signature_of_the_contract(
    world: World, endpoint: Endpoint
) -> None:
    event_id = await world.event_of_new_order(endpoint.url)

    async with world.delivering():
        await world.until_status("delivered", event_id)

    (got,) = endpoint.requests
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["X-Partner-Webhook-Event"] == "order.status_changed"
    assert got.headers["X-Partner-Webhook-Timestamp"] == str(int(START.timestamp()))
    assert got.headers["X-Partner-Webhook-Id"] == str(event_id)
    expected = hmac.new(WEBHOOK_SECRET.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Partner-Webhook-Sign"] == expected
    assert got.headers["User-Agent"].startswith("Swapgate")
    assert "webhook-signature" not in got.headers
    body = msgspec.json.decode(got.body)
    assert (body["event"], body["order"]["status"]) == ("order.status_changed", "PENDING")
    assert world.attempts(event_id) == [(1, 200, None)]
    assert await world.valkey.xlen(STREAM) == 0


async def test_every_attempt_has_the_same_body_and_its_own_timestamp(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = fail
    event_id = await world.event_of_new_order(endpoint.url)

    async with world.delivering():
        await world.after_attempts(event_id, 1)
        endpoint.respond = accept
        world.clock.advance(RETRY_SCHEDULE[0] * 1.01)
        await world.until_status("delivered", event_id)

    first, second = endpoint.requests
    assert first.body == second.body
    assert first.event_id == second.event_id == event_id
    assert first.headers["X-Partner-Webhook-Timestamp"] == str(int(START.timestamp()))
    assert second.headers["X-Partner-Webhook-Timestamp"] == str(int(START.timestamp()) + 10)


async def test_failing_event_delays_later_events_of_its_order_and_of_no_other(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    stuck, free = await world.order(partner), await world.order(partner)
    states = (State.CONFIRMING, State.PAYING_OUT, State.COMPLETED)
    waiting, passing = await world.move(stuck, *states), await world.move(free, *states)

    async def refuse_first(_: web.Request) -> web.StreamResponse:
        failing = endpoint.requests[-1].event_id == waiting[0]
        return web.Response(status=503 if failing else 200)

    endpoint.respond = refuse_first
    async with world.delivering():
        await world.until_status("delivered", passing[-1])
        await world.after_attempts(waiting[0], 1)
        assert [e for e in endpoint.ids() if e in waiting] == [waiting[0]]
        later = await world.move(stuck, State.REFUNDED)
        endpoint.respond = accept
        world.clock.advance(RETRY_SCHEDULE[0] * 1.01)
        await world.until_status("delivered", later[0])

    assert [e for e in endpoint.ids() if e in passing] == passing
    assert [e for e in endpoint.ids() if e not in passing] == [waiting[0], *waiting, *later]


async def test_successor_of_a_failed_event_is_not_due_before_it(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = fail
    order = await world.order(await world.partner(endpoint.url))
    first, second = await world.move(order, State.CONFIRMING, State.PAYING_OUT)

    async with world.delivering():
        await world.after_attempts(first, 1)

    assert world.row(second)["due_at"] == world.row(first)["due_at"] > world.clock.now()


async def test_redirect_is_a_failed_attempt_and_is_not_followed(
    world: World, endpoint: Endpoint
) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": endpoint.url})

    endpoint.respond = redirect
    event_id = await world.event_of_new_order(endpoint.url)

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert len(endpoint.requests) == 1
    assert world.attempts(event_id) == [(1, 307, None)]
    assert world.status(event_id) == "pending"


async def test_attempt_at_a_hanging_endpoint_times_out(world: World, endpoint: Endpoint) -> None:
    endpoint.respond = hang
    event_id = await world.event_of_new_order(endpoint.url)

    async with world.delivering(timeout_seconds=0.3):
        await world.after_attempts(event_id, 1)

    assert TIMEOUT_SECONDS == 10
    assert world.attempts(event_id) == [(1, None, "no response in time")]


async def test_flushing_valkey_between_queue_and_delivery_loses_no_event(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    ids = [
        event_id
        for _ in range(5)
        for event_id in await world.move(await world.order(partner), State.CONFIRMING)
    ]
    await world.relay().step()
    assert {world.status(event_id) for event_id in ids} == {"queued"}
    await world.valkey.flushall()

    async with world.delivering():
        world.clock.advance(QUEUE_LEASE)
        await world.until_status("delivered", *ids)

    assert sorted(endpoint.ids()) == sorted(ids)


async def test_workers_continue_after_valkey_is_flushed(world: World, endpoint: Endpoint) -> None:
    async with world.delivering():
        before = await world.event_of_new_order(endpoint.url)
        await world.until_status("delivered", before)
        await world.valkey.flushall()
        after = await world.event_of_new_order(endpoint.url)
        await world.until_status("delivered", after)

    assert endpoint.ids() == [before, after]


async def test_event_that_is_queued_twice_is_sent_once_by_two_workers(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    ids = [
        event_id
        for _ in range(40)
        for event_id in await world.move(await world.order(partner), State.CONFIRMING)
    ]
    await world.relay().step()
    await world.stream().add(ids)

    async with world.delivering(workers=2):
        await world.until_status("delivered", *ids)

    assert Counter(endpoint.ids()) == Counter(ids)


async def test_cancelled_worker_releases_the_events_that_it_was_sending(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = hang
    event_id = await world.event_of_new_order(endpoint.url)
    await world.relay().step()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), asyncio.Event()))
        await wait_until_async(lambda: len(endpoint.requests) == 1)
        assert world.row(event_id)["lease"] is not None
        work.cancel()
        await asyncio.wait([work])

    row = world.row(event_id)
    assert (row["status"], row["lease"], row["attempts"]) == ("pending", None, 0)
    endpoint.respond = accept
    async with world.delivering():
        await world.until_status("delivered", event_id)


async def test_cancelled_worker_records_the_attempts_that_it_has_finished(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, may_continue = asyncio.Event(), asyncio.Event()
    record = world.deliveries.record

    async def record_slowly(*batch: Any, **rest: Any) -> Any:
        recording.set()
        await may_continue.wait()
        return await record(*batch, **rest)

    monkeypatch.setattr(world.deliveries, "record", record_slowly)
    event_id = await world.event_of_new_order(endpoint.url)
    await world.relay().step()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), asyncio.Event()))
        await recording.wait()
        work.cancel()
        assert await asyncio.wait([work], timeout=0.3) == (set(), {work})
        may_continue.set()
        await asyncio.wait([work])

    assert world.status(event_id) == "delivered"
    assert len(endpoint.requests) == 1


async def test_stopped_worker_finishes_the_attempts_under_way(
    world: World, endpoint: Endpoint
) -> None:
    may_continue = asyncio.Event()

    async def wait(_: web.Request) -> web.StreamResponse:
        await may_continue.wait()
        return web.Response()

    endpoint.respond = wait
    event_id = await world.event_of_new_order(endpoint.url)
    await world.relay().step()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), stop))
        await wait_until_async(lambda: len(endpoint.requests) == 1)
        stop.set()
        assert await asyncio.wait([work], timeout=0.3) == (set(), {work})
        may_continue.set()
        await work

    assert world.status(event_id) == "delivered"


async def test_event_is_dead_after_the_last_retry_and_its_successor_is_sent(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = fail
    order = await world.order(await world.partner(endpoint.url))
    event_id, successor = await world.move(order, State.CONFIRMING, State.PAYING_OUT)

    async with world.delivering():
        for failed, delay in enumerate(RETRY_SCHEDULE, start=1):
            row = await world.after_attempts(event_id, failed)
            assert row["status"] == "pending"
            wait = row["due_at"] - world.clock.now()
            assert delay <= wait < delay + timedelta(seconds=5)  # the attempt itself takes a moment
            world.clock.time = row["due_at"]
        await world.until_status("dead", event_id)
        endpoint.respond = accept
        await wait_until_async(lambda: world.row(successor)["attempts"] > 0)

    assert [status for _, status, _ in world.attempts(event_id)] == [500] * 10
    assert world.row(event_id)["finished_at"] == world.clock.now()


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


@pytest.mark.parametrize(
    ("settings", "status", "error"),
    [
        ({"webhook_url": None}, "dead", "no webhook URL is set"),
        (
            {"webhook_events": frozenset()},
            "dead",
            "the endpoint is not subscribed to events of this type",
        ),
        ({"enabled": False}, "pending", "the partner is disabled"),
    ],
)
async def test_event_that_its_partner_must_not_receive_is_withheld(
    world: World, endpoint: Endpoint, settings: dict[str, Any], status: str, error: str
) -> None:
    partner = await world.partner(endpoint.url)
    (event_id,) = await world.move(await world.order(partner), State.CONFIRMING)
    await world.change(partner, **settings)

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert endpoint.requests == []
    assert world.status(event_id) == status
    assert world.attempts(event_id) == [(1, None, error)]


async def test_event_of_a_deleted_order_is_not_sent(world: World, endpoint: Endpoint) -> None:
    order = await world.order(await world.partner(endpoint.url))
    (event_id,) = await world.move(order, State.CONFIRMING)
    world.own("UPDATE orders SET deleted_at = now() WHERE id = %s", (order.id,))

    async with world.delivering():
        await world.until_status("dead", event_id)

    assert endpoint.requests == []


async def test_event_is_retried_while_the_secret_is_not_readable(
    world: World, endpoint: Endpoint
) -> None:
    event_id = await world.event_of_new_order(endpoint.url)
    world.own("UPDATE partners SET webhook_secret_sealed = api_secret_sealed")

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert endpoint.requests == []
    assert world.status(event_id) == "pending"


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


async def test_gateway_role_may_settle_events_but_not_create_or_change_them(world: World) -> None:
    (row,) = await world.gateway.fetch("SELECT current_user::text AS role")
    assert row["role"] == "swapgate_gateway"
    for forbidden in (
        "UPDATE webhook_events SET body = ''",
        "DELETE FROM webhook_events",
        "UPDATE webhook_attempts SET http_status = 200",
        "INSERT INTO webhook_events SELECT * FROM webhook_events",
    ):
        with pytest.raises(Error, match="permission denied"):
            await world.gateway.fetch(forbidden)


async def test_delivery_continues_after_outages_of_valkey_and_postgresql(
    world: World, endpoint: Endpoint, servers: Servers
) -> None:
    async with world.delivering():
        for server in (servers.postgres, servers.valkey):
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(0.2)  # so that relay and worker meet the outage
            await asyncio.to_thread(server.start)
        world.clock.advance(LEASE)
        event_id = await world.event_of_new_order(endpoint.url)
        await world.until_status("delivered", event_id)

    assert endpoint.ids() == [event_id]
