"""Delivery of webhooks from the outbox to their endpoints, through outages in between."""

import asyncio
import hashlib
import hmac
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from psqlpy.exceptions import Error

from domain.orders.states import State
from domain.webhooks.retry_schedule import RETRY_SCHEDULE
from feeds.webhooks.delivery import LEASE
from feeds.webhooks.relay import QUEUE_LEASE
from feeds.webhooks.sender import TIMEOUT_SECONDS
from persistence.valkey.stream import STREAM
from tests.conftest import Servers
from tests.support.builders.records import START, WEBHOOK_SECRET
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
    world.own("UPDATE partners SET webhook_secret_sealed = '\\x00'")

    async with world.delivering():
        await world.after_attempts(event_id, 1)

    assert endpoint.requests == []
    assert world.status(event_id) == "pending"


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
