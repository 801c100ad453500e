"""A Valkey cluster of real servers: routing, failover without lost admissions, and resharding."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from domain.actions.partners.ports import AdmissionOutcome
from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from domain.partners.partner import ALL_PARTNERS
from domain.partners.unsigned_limits import UnsignedLimits, sources_of
from persistence.postgres.pool import Database
from persistence.valkey.admission.controller import window_key
from persistence.valkey.admission.nonces import declare_complete
from persistence.valkey.admission.revisions import publish_revision
from persistence.valkey.admission.weight_used import weight_used
from persistence.valkey.connection.client import connect, reply
from persistence.valkey.counters import ValkeyCounters
from persistence.valkey.health import read_servers
from persistence.valkey.notices import notices, publish_change
from persistence.valkey.rates import KEY as RATES
from persistence.valkey.rates import RatePublisher, read_snapshot
from persistence.valkey.stream import WebhookStream
from tests.conftest import DatabaseUrls
from tests.support.servers.valkey.admission_worker import AdmissionWorker, slot_of
from tests.support.servers.valkey.cluster import ValkeyCluster
from tests.support.waiting import wait_until_async

ADMITTED, REPLAYED = AdmissionOutcome.ADMITTED, AdmissionOutcome.REPLAYED
PARTNERS = [uuid4() for _ in range(24)]
"""So many that each of three primaries has some."""

Workers = list[AdmissionWorker]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    with ValkeyCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.gateway, size=2)
    yield database
    database.close()


@pytest.fixture
async def workers(cluster: ValkeyCluster, database: Database) -> AsyncIterator[Workers]:
    """Two workers, on a cluster whose primaries all have a replica that must acknowledge."""
    cluster.wait_until_complete()
    workers = [AdmissionWorker(cluster.url(), database) for _ in range(2)]
    await declare_complete(workers[0].client)
    for worker in workers:
        await worker.start()
    await wait_until_async(cluster.is_replicated, bool)
    yield workers
    for worker in workers:
        await worker.stop()


async def test_calls_of_one_turn_reach_the_server_of_each_partner(
    workers: Workers,
) -> None:
    worker = workers[0]
    admitted = await asyncio.gather(*(worker.admit(partner) for partner in PARTNERS * 4))
    assert {one.outcome for one in admitted} == {ADMITTED}
    servers = {worker.admission.primaries.of_slot(slot_of(partner)) for partner in PARTNERS}
    assert len(servers) == 3
    assert [one.remaining for one in admitted[-len(PARTNERS) :]] == [10**6 - 4] * len(PARTNERS)


async def test_a_nonce_works_once_and_a_window_holds_on_all_workers(
    workers: Workers,
) -> None:
    partner, nonce = uuid4(), uuid4().hex
    outcomes = [(await worker.admit(partner, nonce)).outcome for worker in workers]
    assert outcomes == [ADMITTED, REPLAYED]
    calls = [worker.admit(partner, budget=10) for worker in workers for _ in range(20)]
    admitted = [one for one in await asyncio.gather(*calls) if one.outcome is ADMITTED]
    assert len(admitted) == 9
    assert (await weight_used(workers[0].client, partner)).used == 10


async def test_a_revision_makes_earlier_records_stale(workers: Workers) -> None:
    partner = uuid4()
    await publish_revision(workers[0].client, partner, 7)
    assert (await workers[1].admit(partner)).outcome is AdmissionOutcome.STALE
    assert await workers[1].admission.newest_revision(partner) == 7
    assert await workers[1].admission.newest_revision(ALL_PARTNERS) == 7


async def test_calls_whose_connections_other_tasks_close_are_unavailable_or_done(
    workers: Workers,
) -> None:
    """The client does so after each error, while others connect."""
    client = workers[0].client
    done = 0

    async def call() -> None:
        nonlocal done
        for number in range(10):
            pipeline = client.pipeline(transaction=False)
            pipeline.get(RATES)
            with suppress(Unavailable):
                await reply(client.get(RATES) if number % 2 else pipeline.execute())
                done += 1

    async def close_connections() -> None:
        while True:
            await client._reset_for_reinitialize()  # type: ignore[attr-defined]
            await asyncio.sleep(0.001)

    closing = asyncio.create_task(close_connections())
    await asyncio.gather(*(call() for _ in range(16)))
    closing.cancel()
    assert done > 0


async def test_connections_that_could_not_be_opened_are_not_missing_for_good(
    cluster: ValkeyCluster,
) -> None:
    """The package counts them as used, and would not look for another server."""
    client = connect(cluster.url(), connections=1)
    await reply(client.get(RATES))
    for node in client.get_nodes():  # type: ignore[attr-defined]
        node._free.clear()
    with pytest.raises(Unavailable):
        await reply(client.get(RATES))
    await reply(client.get(RATES))
    await client.aclose()


async def test_what_else_the_processes_store_works_in_a_cluster(
    workers: Workers, cluster: ValkeyCluster
) -> None:
    gateway, rates = workers[0].client, connect(cluster.url("rates"))
    webhooks, operator = connect(cluster.url("webhooks")), connect(cluster.url("operator"))
    heard: list[str] = []

    async def hear() -> None:
        async for notice in notices(gateway):
            heard.append(notice.channel)  # noqa: PERF401  it is read meanwhile

    hearing = asyncio.create_task(hear())
    await wait_until_async(lambda: heard, bool)
    at = (await read_servers(operator))[0].now
    snapshot = RateSnapshot(at=at, prices={"BTC": 10**12})
    assert await RatePublisher(rates, token="one", key=b"k").publish(snapshot)
    assert await read_snapshot(gateway) == snapshot
    await publish_change(operator)
    await wait_until_async(lambda: {*heard}, lambda found: {"rates", "changes"} <= found)
    hearing.cancel()
    stream, event = WebhookStream(webhooks, consumer="one", block_ms=10), uuid4()
    assert await stream.read(count=1) == {}
    await stream.add([event])
    entries = await stream.read(count=1)
    assert list(entries.values()) == [event]
    await stream.remove(list(entries))
    limits = UnsignedLimits(name="quotes", per_minute=5, per_day=9, all_per_minute=50)
    bounds = limits.bounds(sources_of("203.0.113.9"))
    assert (await ValkeyCounters(gateway).reserve(bounds, 7, at))[0] == 5
    assert len(await read_servers(operator)) == 3
    for client in (rates, webhooks, operator):
        await client.aclose()


async def test_a_slot_moves_with_its_nonces_and_windows(
    workers: Workers, cluster: ValkeyCluster
) -> None:
    partner, nonce = uuid4(), uuid4().hex
    other = next(one for one in PARTNERS if slot_of(one) != slot_of(partner))
    assert (await workers[0].admit(partner, nonce)).outcome is ADMITTED
    source = cluster.owner_of(window_key(partner))
    target = next(node for node in cluster.primaries() if node is not source)
    for server, state, of in ((target, "IMPORTING", source), (source, "MIGRATING", target)):
        server.run("CLUSTER SETSLOT", slot_of(partner), state, of.id())
    outcomes = await asyncio.gather(*(workers[0].outcome(one) for one in (partner, other) * 8))
    assert outcomes == [None, ADMITTED] * 8, "only calls of the slot fail while it moves"
    cluster.move_keys(slot_of(partner), source, target)
    assert await workers[0].outcome(partner, nonce) is None
    for server in (target, source):
        server.run("CLUSTER SETSLOT", slot_of(partner), "NODE", target.id())
    for worker in workers:
        await worker.until_admitted(partner)
        assert await worker.outcome(partner, nonce) is REPLAYED
    assert (await weight_used(workers[0].client, partner)).used == 3


async def test_calls_continue_while_a_slot_moves_at_once(
    workers: Workers, cluster: ValkeyCluster
) -> None:
    """Since version 9 a server passes a slot on in one step."""
    partner, nonce = uuid4(), uuid4().hex
    assert (await workers[0].admit(partner, nonce)).outcome is ADMITTED
    source = cluster.owner_of(window_key(partner))
    target = next(node for node in cluster.primaries() if node is not source)
    slot = slot_of(partner)
    source.run("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id())
    accepted = 1

    async def moved() -> bool:
        nonlocal accepted
        accepted += await workers[0].outcome(partner) is ADMITTED
        return cluster.owner_of(window_key(partner)) is target

    await wait_until_async(moved, bool)
    for worker in workers:
        await worker.until_admitted(partner)
        assert await worker.outcome(partner, nonce) is REPLAYED
    assert (await weight_used(workers[0].client, partner)).used == accepted + 2


async def test_a_replaced_primary_has_lost_no_admission(
    workers: Workers, cluster: ValkeyCluster
) -> None:
    partner = uuid4()
    primary = cluster.owner_of(window_key(partner))
    accepted: list[str] = []
    stopped = False

    async def call(worker: AdmissionWorker) -> None:
        while not stopped:
            nonce = uuid4().hex
            if await worker.outcome(partner, nonce) is ADMITTED:
                accepted.append(nonce)
            await asyncio.sleep(0)

    calling = [asyncio.create_task(call(worker)) for worker in workers for _ in range(8)]
    await wait_until_async(lambda: len(accepted), lambda count: count > 500)
    await asyncio.to_thread(primary.kill)
    await asyncio.to_thread(cluster.wait_for_replacement, primary)
    before = len(accepted)
    await wait_until_async(lambda: len(accepted), lambda count: count > before + 500)
    stopped = True
    await asyncio.gather(*calling)
    repeated = [workers[0].outcome(partner, nonce) for nonce in accepted]
    assert set(await asyncio.gather(*repeated)) == {REPLAYED}
    used = (await weight_used(workers[0].client, partner)).used
    assert used >= len(accepted), "what was admitted in the last minute is in the window"
    await asyncio.to_thread(primary.start)


async def test_a_primary_goes_on_alone_and_its_replacement_then_accepts_nothing(
    workers: Workers, cluster: ValkeyCluster, database: Database
) -> None:
    """The replica misses a call that the primary admitted without it."""
    partner, nonce = uuid4(), uuid4().hex
    primary = cluster.owner_of(window_key(partner))
    replica = cluster.replica_of(primary)
    replica.suspend()
    for worker in workers:
        await worker.until_admitted(partner)
    assert await workers[0].outcome(partner, nonce) is ADMITTED
    primary.suspend()
    replica.resume()
    await wait_until_async(replica.role, lambda role: role == "master")
    late = AdmissionWorker(cluster.url(), database)
    outcomes = set()

    async def outcome() -> AdmissionOutcome | None:
        for worker in (*workers, late):
            outcomes.add(await worker.outcome(partner, nonce))
        return await workers[0].outcome(partner)

    await late.start()
    lost = AdmissionOutcome.NONCES_LOST
    await wait_until_async(outcome, lambda found: found is lost)
    assert ADMITTED not in outcomes
    primary.resume()
    await late.stop()
    await asyncio.to_thread(cluster.wait_until_complete)
    cluster.flush()
