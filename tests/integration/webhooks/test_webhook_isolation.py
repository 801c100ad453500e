"""Isolation of endpoints: shares of the workers, and circuit breakers."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from aiohttp import web

from domain.orders.states import State
from domain.partners.partner import Partner
from domain.webhooks.circuit_breaker import (
    MIN_CONCURRENCY,
    MIN_TRIAL_DELAY,
    CircuitBreaker,
    VersionedCircuitBreaker,
)
from domain.webhooks.retry_schedule import remaining_schedule
from feeds.webhooks.delivery import LEASE
from tests.support.builders.records import START
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint, accept, fail, hang
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until_async

QUIET_LOOKS = 20


class Hanging:
    """Withholds responses until released; counts the requests that wait at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.released = asyncio.Event()

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.released.wait()
        finally:
            self.now -= 1
        return web.Response()


async def test_hanging_endpoint_uses_no_more_than_its_share_of_the_workers(
    world: World, endpoint: Endpoint
) -> None:
    hanging = Hanging()
    stuck, free = await world.partner(endpoint.url + "?stuck"), await world.partner(endpoint.url)
    await world.events_of(stuck, 12)

    async def respond(request: web.Request) -> web.StreamResponse:
        return await (hanging(request) if "stuck" in request.query else accept(request))

    endpoint.respond = respond
    async with world.delivering(workers=2, per_endpoint=5, timeout_seconds=MAX_WAIT_SECONDS):
        await wait_until_async(lambda: hanging.now, (5).__eq__)
        passing = await world.events_of(free, 12)
        await world.until_status("delivered", *passing)
        assert hanging.most == 5
        hanging.released.set()


async def test_share_of_an_endpoint_shrinks_with_the_remaining_capacity(world: World) -> None:
    partners = [await world.partner("https://example.org") for _ in range(4)]
    for partner in partners:
        await world.events_of(partner, 8)

    def queued() -> list[int]:
        sql = (
            "SELECT count(*) FROM webhook_events WHERE status = 'queued' GROUP BY partner_id"
            " ORDER BY 1"
        )
        return [row[0] for row in world.own(sql)]

    await world.claim(limit=100, capacity=20)
    assert queued() == [5, 5, 5, 5]
    assert await world.claim(limit=100, capacity=20) == []
    later = await world.partner("https://example.org")
    (event_id,) = await world.events_of(later, 1)
    assert await world.claim(limit=100, capacity=21) == [event_id]


async def test_claim_returns_the_oldest_events_up_to_the_limit(world: World) -> None:
    partner = await world.partner("https://example.org")
    first = await world.events_of(partner, 2)
    world.clock.advance(timedelta(seconds=1))
    second = await world.events_of(partner, 2)

    assert set(await world.claim(limit=3)) > set(first)
    assert set(await world.claim(limit=3)) < set(second)
    assert await world.claim(limit=3) == []


async def test_failing_endpoint_gets_only_half_open_trials_until_it_recovers(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = fail
    partner = await world.partner(endpoint.url)
    ids = await world.events_of(partner, 20)

    def tried() -> int:
        return sum(world.row(event_id)["attempts"] for event_id in ids)

    async with world.delivering(per_endpoint=5):
        circuit = await opened(world, partner)
        assert circuit.half_open_at == START + MIN_TRIAL_DELAY
        await nothing_more_is_sent(world, endpoint)
        before = tried()
        assert before < 20

        world.clock.advance(MIN_TRIAL_DELAY)
        await until_recorded(world, partner, failed_trials=1)
        await nothing_more_is_sent(world, endpoint)
        assert tried() == before + 1

        endpoint.respond = accept
        world.clock.advance(MIN_TRIAL_DELAY * 2)
        circuit = await until_recorded(world, partner, failed_trials=0)
        assert circuit.concurrency >= MIN_CONCURRENCY
        world.clock.advance(timedelta(minutes=1))
        await world.until_status("delivered", *ids)


async def test_events_of_an_order_stay_in_sequence_across_an_open_circuit_breaker(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = fail
    partner = await world.partner(endpoint.url)
    order = await world.order(partner)
    order_events = await world.move(order, State.CONFIRMING, State.PAYING_OUT, State.COMPLETED)
    others = await world.events_of(partner, 4)

    async with world.delivering():
        await opened(world, partner)
        endpoint.respond = accept
        world.clock.advance(timedelta(minutes=1))
        await world.until_status("delivered", *order_events, *others)

    ids = list(dict.fromkeys(e for e in endpoint.ids() if e in order_events))
    assert ids == order_events


async def test_event_blocked_by_an_open_breaker_is_dead_when_its_schedule_would_have_ended(
    world: World,
) -> None:
    partner = await world.partner("https://example.org")
    order = await world.order(partner)
    first, second = await world.move(order, State.CONFIRMING, State.PAYING_OUT)
    await keep_open(world, partner, failed_at=START)

    world.clock.advance(remaining_schedule(0))
    assert await world.outbox.dead_letter_blocked(now=world.clock.now()) == 0  # no attempt was made

    almost = START + remaining_schedule(0) - timedelta(seconds=1)
    await keep_open(world, partner, failed_at=almost)
    assert await world.outbox.dead_letter_blocked(now=world.clock.now()) == 0

    await keep_open(world, partner, failed_at=world.clock.now())
    assert await world.outbox.dead_letter_blocked(now=world.clock.now()) == 1
    assert (world.status(first), world.status(second)) == ("dead", "pending")
    ((attempt, http_status, error),) = world.attempts(first)
    assert (attempt, http_status) == (1, None)
    assert error == "abandoned: the endpoint failed for the whole retry schedule"


async def test_closed_breaker_dead_letters_no_event(world: World) -> None:
    (event_id,) = await world.events_of(await world.partner("https://example.org"), 1)
    world.clock.advance(timedelta(days=30))

    assert await world.outbox.dead_letter_blocked(now=world.clock.now()) == 0
    assert world.status(event_id) == "pending"


async def test_slow_endpoint_gets_less_concurrency(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.webhooks.recorder.SLOW", timedelta(seconds=0.1))
    partner = await world.partner(endpoint.url)

    async def slowly(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.Response()

    endpoint.respond = slowly
    ids = await world.events_of(partner, 3)
    async with world.delivering():
        await world.until_status("delivered", *ids)
        circuit = await until_circuit(world, partner)

    assert circuit.concurrency < 32
    assert circuit.opened_at is None


async def test_changed_url_resets_the_circuit_breaker(world: World) -> None:
    partner = await world.partner("https://example.org")
    await keep_open(world, partner, failed_at=START)

    await world.change(partner, webhook_url="https://example.org", markup_bps=1)
    assert await world.circuit_breaker(partner) is not None
    await world.change(partner, webhook_url="https://example.net")
    assert await world.circuit_breaker(partner) is None


async def test_later_of_two_concurrent_saves_of_a_breaker_has_no_effect(
    world: World,
) -> None:
    partner = await world.partner("https://example.org")
    circuit = CircuitBreaker(concurrency=7, window_started_at=START, attempts=1, failures=1)

    assert await world.circuit_breakers.save({partner.id: VersionedCircuitBreaker(circuit, 0)}) == {
        partner.id
    }
    assert (
        await world.circuit_breakers.save({partner.id: VersionedCircuitBreaker(circuit, 0)})
        == set()
    )
    read = (await world.circuit_breakers.read([partner.id]))[partner.id]
    assert read == VersionedCircuitBreaker(circuit, 1)
    assert await world.circuit_breakers.save({partner.id: read}) == {partner.id}
    assert await world.circuit_breakers.delete({partner.id: 1}) == set()
    assert await world.circuit_breakers.delete({partner.id: 2}) == {partner.id}


async def test_half_open_trial_whose_worker_dies_is_repeated(world: World) -> None:
    partner = await world.partner("https://example.org")
    await world.events_of(partner, 3)
    await keep_open(world, partner, failed_at=START, half_open_at=START)

    (trial,) = await world.claim(limit=10)
    assert await world.claim(limit=10) == []
    await lease(world, trial)
    world.clock.advance(LEASE)
    assert await world.outbox.release_expired(now=world.clock.now()) == 1
    assert len(await world.claim(limit=10)) == 1


async def test_timeouts_of_a_hanging_endpoint_open_its_breaker(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = hang
    partner = await world.partner(endpoint.url)
    await world.events_of(partner, 6)

    async with world.delivering(timeout_seconds=0.3):
        circuit = await opened(world, partner)

    assert circuit.failures == circuit.attempts


async def opened(world: World, partner: Partner) -> CircuitBreaker:
    return await until_circuit(world, partner, lambda circuit: circuit.opened_at is not None)


async def until_recorded(world: World, partner: Partner, *, failed_trials: int) -> CircuitBreaker:
    return await until_circuit(
        world, partner, lambda circuit: circuit.failed_trials == failed_trials
    )


async def until_circuit(
    world: World, partner: Partner, accept: Callable[[CircuitBreaker], bool] = lambda _: True
) -> CircuitBreaker:
    circuit = await wait_until_async(
        lambda: world.circuit_breaker(partner),
        lambda breaker: breaker is not None and accept(breaker),
    )
    assert circuit is not None
    return circuit


async def nothing_more_is_sent(world: World, endpoint: Endpoint) -> None:
    """Let what was claimed before the circuit opened end, and see that nothing follows."""
    quiet, seen = 0, -1

    def quiet_looks() -> int:
        nonlocal quiet, seen
        sent = len(endpoint.requests)
        queued = world.own("SELECT id FROM webhook_events WHERE status = 'queued'")
        quiet = quiet + 1 if sent == seen and not queued else 0
        seen = sent
        return quiet

    await wait_until_async(quiet_looks, lambda looks: looks >= QUIET_LOOKS)
    assert await world.claim(limit=10) == []


async def keep_open(world: World, partner: Partner, **times: object) -> None:
    """Put an open circuit down as a worker would have left it."""
    read = (await world.circuit_breakers.read([partner.id])).get(partner.id)
    circuit = CircuitBreaker(
        concurrency=4,
        window_started_at=START,
        attempts=5,
        failures=5,
        opened_at=START,
        half_open_at=START + timedelta(days=9),
    )
    stored = VersionedCircuitBreaker(
        msgspec.structs.replace(circuit, **times), read.version if read else 0
    )
    assert await world.circuit_breakers.save({partner.id: stored}) == {partner.id}


async def lease(world: World, event_id: UUID) -> None:
    now = world.clock.now()
    leased = await world.deliveries.lease(
        [event_id], lease=uuid4(), now=now, leased_until=now + LEASE
    )
    assert len(leased) == 1
