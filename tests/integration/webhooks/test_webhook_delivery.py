"""Webhooks from the outbox to their receivers, whatever goes away in between."""

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
from domain.orders.order import State
from domain.webhooks.delivery import Attempt, FinishedAttempt
from domain.webhooks.events import RETRY_SCHEDULE
from feeds.webhooks.delivery import LEASE
from feeds.webhooks.relay import QUEUE_LEASE
from feeds.webhooks.sender import TIMEOUT_SECONDS
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.valkey.stream import GROUP, STREAM
from tests.conftest import Servers
from tests.support.builders.records import KEYRING, START, WEBHOOK_SECRET
from tests.support.builders.webhook_world import Receiver, World, fail, hang
from tests.support.waiting import wait_until_async


async def test_event_arrives_signed_with_the_contracts_headers(
    world: World, receiver: Receiver
) -> None:
    event_id = await world.event_of_new_order(receiver.url)

    async with world.delivering():
        await world.until_status("delivered", event_id)

    (got,) = receiver.received
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


async def test_body_is_the_same_on_every_attempt_and_the_timestamp_is_not(
    world: World, receiver: Receiver
) -> None:
    receiver.answer = fail
    event_id = await world.event_of_new_order(receiver.url)

    async with world.delivering():
        await world.after_attempts(event_id, 1)
        receiver.answer = receiver.ok
        world.clock.advance(RETRY_SCHEDULE[0] * 1.01)
        await world.until_status("delivered", event_id)

    first, second = receiver.received
    assert first.body == second.body
    assert first.event_id == second.event_id == event_id
    assert first.headers["X-Partner-Webhook-Timestamp"] == str(int(START.timestamp()))
    assert second.headers["X-Partner-Webhook-Timestamp"] == str(int(START.timestamp()) + 10)


async def test_later_events_of_an_order_wait_for_a_failing_one_and_other_orders_do_not(
    world: World, receiver: Receiver
) -> None:
    partner = await world.partner(receiver.url)
    stuck, free = await world.order(partner), await world.order(partner)
    states = (State.CONFIRMING, State.PAYING_OUT, State.COMPLETED)
    waiting, passing = await world.move(stuck, *states), await world.move(free, *states)

    async def refuse_first(_: web.Request) -> web.StreamResponse:
        failing = receiver.received[-1].event_id == waiting[0]
        return web.Response(status=503 if failing else 200)

    receiver.answer = refuse_first
    async with world.delivering():
        await world.until_status("delivered", passing[-1])
        await world.after_attempts(waiting[0], 1)
        assert [e for e in receiver.ids() if e in waiting] == [waiting[0]]
        later = await world.move(stuck, State.REFUNDED)
        receiver.answer = receiver.ok
        world.clock.advance(RETRY_SCHEDULE[0] * 1.01)
        await world.until_status("delivered", later[0])

    assert [e for e in receiver.ids() if e in passing] == passing
    assert [e for e in receiver.ids() if e not in passing] == [waiting[0], *waiting, *later]


async def test_what_waits_behind_a_failed_event_is_not_due_before_it(
    world: World, receiver: Receiver
) -> None:
    receiver.answer = fail
    order = await world.order(await world.partner(receiver.url))
    first, second = await world.move(order, State.CONFIRMING, State.PAYING_OUT)

    async with world.delivering():
        await world.after_attempts(first, 1)

    assert world.row(second)["due_at"] == world.row(first)["due_at"] > world.clock.now()


async def test_redirect_is_a_failure_and_is_not_followed(world: World, receiver: Receiver) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": receiver.url})

    receiver.answer = redirect
    event_id = await world.event_of_new_order(receiver.url)

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert len(receiver.received) == 1
    assert world.attempts(event_id) == [(1, 307, None)]
    assert world.status(event_id) == "pending"


async def test_hanging_receiver_is_given_up_after_the_budget(
    world: World, receiver: Receiver
) -> None:
    receiver.answer = hang
    event_id = await world.event_of_new_order(receiver.url)

    async with world.delivering(timeout_seconds=0.3):
        await world.after_attempts(event_id, 1)

    assert TIMEOUT_SECONDS == 10
    assert world.attempts(event_id) == [(1, None, "no response in time")]


async def test_flushall_between_queue_and_delivery_loses_nothing(
    world: World, receiver: Receiver
) -> None:
    partner = await world.partner(receiver.url)
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

    assert sorted(receiver.ids()) == sorted(ids)


async def test_flushall_under_waiting_workers_is_survived(world: World, receiver: Receiver) -> None:
    async with world.delivering():
        before = await world.event_of_new_order(receiver.url)
        await world.until_status("delivered", before)
        await world.valkey.flushall()
        after = await world.event_of_new_order(receiver.url)
        await world.until_status("delivered", after)

    assert receiver.ids() == [before, after]


async def test_two_workers_never_send_an_event_twice_though_it_is_queued_twice(
    world: World, receiver: Receiver
) -> None:
    partner = await world.partner(receiver.url)
    ids = [
        event_id
        for _ in range(40)
        for event_id in await world.move(await world.order(partner), State.CONFIRMING)
    ]
    await world.relay().step()
    await world.stream().add(ids)

    async with world.delivering(workers=2):
        await world.until_status("delivered", *ids)

    assert Counter(receiver.ids()) == Counter(ids)


async def test_cancelled_worker_gives_back_what_it_was_sending(
    world: World, receiver: Receiver
) -> None:
    receiver.answer = hang
    event_id = await world.event_of_new_order(receiver.url)
    await world.relay().step()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), asyncio.Event()))
        await wait_until_async(lambda: len(receiver.received) == 1)
        assert world.row(event_id)["lease"] is not None
        work.cancel()
        await asyncio.wait([work])

    row = world.row(event_id)
    assert (row["status"], row["lease"], row["attempts"]) == ("pending", None, 0)
    receiver.answer = receiver.ok
    async with world.delivering():
        await world.until_status("delivered", event_id)


async def test_cancelled_worker_still_records_what_it_has_sent(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, go_on = asyncio.Event(), asyncio.Event()
    record = world.deliveries.record

    async def record_slowly(*batch: Any, **rest: Any) -> Any:
        recording.set()
        await go_on.wait()
        return await record(*batch, **rest)

    monkeypatch.setattr(world.deliveries, "record", record_slowly)
    event_id = await world.event_of_new_order(receiver.url)
    await world.relay().step()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), asyncio.Event()))
        await recording.wait()
        work.cancel()
        assert await asyncio.wait([work], timeout=0.3) == (set(), {work})
        go_on.set()
        await asyncio.wait([work])

    assert world.status(event_id) == "delivered"
    assert len(receiver.received) == 1


async def test_stopped_worker_finishes_what_it_is_sending(world: World, receiver: Receiver) -> None:
    go_on = asyncio.Event()

    async def wait(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    receiver.answer = wait
    event_id = await world.event_of_new_order(receiver.url)
    await world.relay().step()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        work = asyncio.create_task(world.worker(await world.sender(stack), stop))
        await wait_until_async(lambda: len(receiver.received) == 1)
        stop.set()
        assert await asyncio.wait([work], timeout=0.3) == (set(), {work})
        go_on.set()
        await work

    assert world.status(event_id) == "delivered"


async def test_event_is_dead_after_the_last_rung_and_its_successor_goes_out(
    world: World, receiver: Receiver
) -> None:
    receiver.answer = fail
    order = await world.order(await world.partner(receiver.url))
    event_id, successor = await world.move(order, State.CONFIRMING, State.PAYING_OUT)

    async with world.delivering():
        for failed, rung in enumerate(RETRY_SCHEDULE, start=1):
            row = await world.after_attempts(event_id, failed)
            assert row["status"] == "pending"
            wait = row["due_at"] - world.clock.now()
            assert rung <= wait < rung + timedelta(seconds=5)  # the attempt itself took a moment
            world.clock.time = row["due_at"]
        await world.until_status("dead", event_id)
        receiver.answer = receiver.ok
        await wait_until_async(lambda: world.row(successor)["attempts"] > 0)

    assert [status for _, status, _ in world.attempts(event_id)] == [500] * 10
    assert world.row(event_id)["finished_at"] == world.clock.now()


async def test_late_acknowledgement_overwrites_nothing(world: World) -> None:
    event_id = await world.event_of_new_order("https://example.org")
    late, current = uuid4(), uuid4()
    attempt = Attempt(START, timedelta(milliseconds=5), 200, None)

    async def take(lease: UUID) -> None:
        now = world.clock.now()
        await world.claim()
        taken = await world.deliveries.lease(
            [event_id], lease=lease, now=now, leased_until=now + LEASE
        )
        assert [leased.event.id for leased in taken] == [event_id]

    async def record(lease: UUID, attempt: Attempt) -> bool:
        made = FinishedAttempt(event_id, lease, attempt, retry_at=None)
        return event_id in await world.deliveries.record([made], now=world.clock.now())

    await take(late)
    world.clock.advance(LEASE)
    assert await world.outbox.release_expired(now=world.clock.now()) == 1
    await take(current)

    before = world.row(event_id)
    assert await record(late, attempt) is False
    assert (world.row(event_id), world.attempts(event_id)) == (before, [])
    assert await record(current, msgspec.structs.replace(attempt, http_status=500)) is True
    assert await record(late, attempt) is False
    assert world.status(event_id) == "dead"


async def test_lease_is_exclusive_until_it_is_over(world: World) -> None:
    event_id = await world.event_of_new_order("https://example.org")
    await world.claim()

    async def take() -> int:
        now = world.clock.now()
        leased_until = now + LEASE
        return len(
            await world.deliveries.lease(
                [event_id], lease=uuid4(), now=now, leased_until=leased_until
            )
        )

    assert sorted(await asyncio.gather(*(take() for _ in range(8)))) == [0] * 7 + [1]
    world.clock.advance(LEASE)
    assert await take() == 1


async def test_event_that_a_late_relay_locks_for_a_moment_is_taken_all_the_same(
    world: World,
) -> None:
    """A claim that began before another's commit locks that one's rows, to find them claimed."""
    event_id = await world.event_of_new_order("https://example.org")
    await world.claim()
    now = world.clock.now()
    with psycopg.connect(world.owner_url) as late:
        late.execute("SELECT FROM webhook_events WHERE id = %s FOR UPDATE", (event_id,))
        taking = asyncio.create_task(
            world.deliveries.lease([event_id], lease=uuid4(), now=now, leased_until=now + LEASE)
        )
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await wait_until_async(lambda: bool(world.own(waiting)))
    assert [leased.event.id for leased in await taking] == [event_id]


async def test_plans_made_while_the_outbox_was_empty_serve_a_long_queue(world: World) -> None:
    """As after a restore: the planner believes that there is nothing, and keeps its plans."""
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
        taken = await world.deliveries.lease(ids, lease=lease, now=now, leased_until=now + LEASE)
        attempt = Attempt(START, timedelta(), 200, None)
        made = [FinishedAttempt(one.event.id, lease, attempt, None) for one in taken]
        assert len(await world.deliveries.record(made, now=now)) == 200
    gateway.close()


async def test_attempt_that_cannot_be_recorded_has_no_other_made_again(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await world.events_of(await world.partner(receiver.url), 8)
    record = world.deliveries.record

    async def record_but_one(made: list[FinishedAttempt], **rest: Any) -> Any:
        if any(one.event_id == ids[3] for one in made):
            raise ValueError("cannot be recorded")
        return await record(made, **rest)

    monkeypatch.setattr(world.deliveries, "record", record_but_one)
    others = [event_id for event_id in ids if event_id != ids[3]]
    async with world.delivering():
        await world.until_status("delivered", *others)
        await wait_until_async(lambda: len(receiver) == 8)

    assert Counter(receiver.ids()) == Counter(ids)
    assert world.row(ids[3])["status"] == "queued"  # until its lease ends


async def test_events_read_while_the_database_is_away_are_taken_when_it_is_back(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, refused = world.deliveries.lease, asyncio.Event()

    async def take_later(*ids: Any, **lease: Any) -> Any:
        if not refused.is_set():
            refused.set()
            raise Unavailable("starting")
        return await take(*ids, **lease)

    monkeypatch.setattr(world.deliveries, "lease", take_later)
    event_id = await world.event_of_new_order(receiver.url)
    async with world.delivering():  # the clock stands still: no lease ever ends
        await world.until_status("delivered", event_id)

    assert refused.is_set()


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
async def test_event_its_partner_is_not_to_get_is_withheld(
    world: World, receiver: Receiver, settings: dict[str, Any], status: str, error: str
) -> None:
    partner = await world.partner(receiver.url)
    (event_id,) = await world.move(await world.order(partner), State.CONFIRMING)
    await world.change(partner, **settings)

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert receiver.received == []
    assert world.status(event_id) == status
    assert world.attempts(event_id) == [(1, None, error)]


async def test_deleted_order_sends_nothing(world: World, receiver: Receiver) -> None:
    order = await world.order(await world.partner(receiver.url))
    (event_id,) = await world.move(order, State.CONFIRMING)
    world.own("UPDATE orders SET deleted_at = now() WHERE id = %s", (order.id,))

    async with world.delivering():
        await world.until_status("dead", event_id)

    assert receiver.received == []


async def test_secret_that_cannot_be_read_is_waited_for(world: World, receiver: Receiver) -> None:
    event_id = await world.event_of_new_order(receiver.url)
    world.own("UPDATE partners SET webhook_secret_sealed = api_secret_sealed")

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert receiver.received == []
    assert world.status(event_id) == "pending"


async def test_entries_of_a_stuck_worker_are_taken_over_and_deleted_ones_forgotten(
    world: World,
) -> None:
    stuck, other = world.stream("stuck"), world.stream("other", min_idle_ms=0)
    assert await stuck.read(count=2) == {}  # makes the group
    ids = [uuid4(), uuid4()]
    await stuck.add(ids)
    deleted, kept = await stuck.read(count=2)
    await world.valkey.xdel(STREAM, deleted)

    assert await other.reclaim(count=10) == {kept: ids[1]}
    await other.remove([kept])
    assert await world.valkey.xlen(STREAM) == 0
    assert (await world.valkey.xpending(STREAM, GROUP))["pending"] == 0


async def test_entry_that_names_no_event_is_removed(world: World) -> None:
    stream = world.stream()
    await stream.read(count=1)
    await world.valkey.xadd(STREAM, {"event": "nonsense"})
    await world.valkey.xadd(STREAM, {"other": "field"})

    assert await stream.read(count=2) == {}
    assert await world.valkey.xlen(STREAM) == 0


async def test_gateway_may_settle_events_but_not_make_or_change_them(world: World) -> None:
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


async def test_outages_of_valkey_and_postgresql_are_survived(
    world: World, receiver: Receiver, servers: Servers
) -> None:
    async with world.delivering():
        for server in (servers.postgres, servers.valkey):
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(0.2)  # so that relay and worker meet the outage
            await asyncio.to_thread(server.start)
        world.clock.advance(LEASE)
        event_id = await world.event_of_new_order(receiver.url)
        await world.until_status("delivered", event_id)

    assert receiver.ids() == [event_id]
