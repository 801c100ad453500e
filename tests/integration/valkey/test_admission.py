"""Admission on a real Valkey: the window is exact, nonces work once, and it fails closed."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Collection
from multiprocessing import get_context
from uuid import UUID, uuid4

import pytest
from valkey.asyncio import Valkey

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from domain.partners.unsigned_limits import UnsignedLimits, sources_of
from domain.partners.weights import WINDOW_MS, SlidingWindow
from persistence.valkey.admission.controller import (
    MAX_IN_FLIGHT,
    MAX_PER_CALL,
    REPLY,
    REQUEST,
    SCRIPT,
    ValkeyAdmissionController,
)
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.admission.revisions import EXPIRY_SECONDS, publish_revision, revision_key
from persistence.valkey.connection.client import connect
from persistence.valkey.connection.primaries import Primary, ServerPrimary
from persistence.valkey.counters import ValkeyCounters
from tests.conftest import Servers


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[Valkey]:
    client = connect(servers.valkey.url)
    await client.set(REMEMBERED_SINCE, 0)
    yield client
    await client.aclose()


async def admit(
    controller: ValkeyAdmissionController,
    partner: UUID,
    *,
    weight: int = 1,
    budget: int = 100,
    nonce: str = "",
    revision: int = 0,
) -> Admission:
    return await controller.admit(
        partner,
        revision=revision,
        nonce=nonce or uuid4().hex,
        weight=weight,
        budget=budget,
    )


async def test_calls_are_admitted_until_the_weight_budget_is_used(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    admissions = [await admit(controller, partner, weight=50, budget=120) for _ in range(3)]
    assert [one.outcome for one in admissions] == [
        AdmissionOutcome.ADMITTED,
        AdmissionOutcome.ADMITTED,
        AdmissionOutcome.LIMITED,
    ]
    assert [one.remaining for one in admissions] == [70, 20, 20]
    assert 55_000 < admissions[2].wait_ms <= WINDOW_MS


async def test_call_heavier_than_the_budget_is_never_admitted(valkey: Valkey) -> None:
    admission = await admit(ValkeyAdmissionController(valkey), uuid4(), weight=50, budget=49)
    assert admission.outcome is AdmissionOutcome.LIMITED
    assert admission.wait_ms == WINDOW_MS


async def test_nonce_is_accepted_once_per_partner(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    assert (await admit(controller, partner, nonce="n" * 16)).outcome is AdmissionOutcome.ADMITTED
    other_worker = ValkeyAdmissionController(valkey)
    assert (await admit(other_worker, partner, nonce="n" * 16)).outcome is AdmissionOutcome.REPLAYED
    assert (await admit(controller, uuid4(), nonce="n" * 16)).outcome is AdmissionOutcome.ADMITTED


async def test_replayed_call_is_not_charged(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(controller, partner, nonce="n" * 16)
    await admit(controller, partner, nonce="n" * 16)
    assert (await admit(controller, partner)).remaining == 98


async def test_rate_limited_call_consumes_its_nonce(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    assert (
        await admit(controller, partner, budget=0, nonce="n" * 16)
    ).outcome is AdmissionOutcome.LIMITED
    assert (await admit(controller, partner, nonce="n" * 16)).outcome is AdmissionOutcome.REPLAYED


async def test_all_keys_of_a_partner_share_a_slot_and_expire(valkey: Valkey) -> None:
    partner = uuid4()
    await admit(ValkeyAdmissionController(valkey), partner)
    keys = [key async for key in valkey.scan_iter(f"*{partner}*")]
    assert len(keys) == 2
    assert all(key.startswith(f"{{p:{partner}}}:".encode()) for key in keys)
    for key in keys:
        assert 60 <= await valkey.ttl(key) <= 300


async def test_call_checked_against_an_outdated_revision_is_stale_and_does_not_consume_its_nonce(
    valkey: Valkey,
) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await publish_revision(valkey, partner, 3)
    stale = await admit(controller, partner, revision=2, nonce="n" * 16)
    assert stale == Admission(AdmissionOutcome.STALE, 0, 0)
    now = await admit(controller, partner, revision=3, nonce="n" * 16)
    assert (now.outcome, now.remaining) == (AdmissionOutcome.ADMITTED, 99)


@pytest.mark.parametrize("published", [None, 1, 2], ids=["lost", "older", "the same"])
async def test_call_of_a_revision_at_least_as_new_as_the_published_one_is_admitted(
    valkey: Valkey, published: int | None
) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    if published is not None:
        await publish_revision(valkey, partner, published)
    assert (await admit(controller, partner, revision=2)).outcome is AdmissionOutcome.ADMITTED


async def test_reading_the_newest_revision_charges_nothing(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    assert await controller.newest_revision(partner) == -1
    await publish_revision(valkey, partner, 3)
    revision, _ = await asyncio.gather(
        controller.newest_revision(partner), admit(controller, partner, revision=3)
    )
    assert revision == 3
    assert (await admit(controller, partner, revision=3)).remaining == 98
    assert len([key async for key in valkey.scan_iter(f"*{partner}*")]) == 4


async def test_revision_of_one_partner_does_not_affect_another(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await publish_revision(valkey, partner, 1)
    admissions = await asyncio.gather(admit(controller, partner), admit(controller, uuid4()))
    assert [one.outcome for one in admissions] == [
        AdmissionOutcome.STALE,
        AdmissionOutcome.ADMITTED,
    ]


async def test_published_revision_never_decreases_and_expires(valkey: Valkey) -> None:
    partner = uuid4()
    for revision in (1, 10, 9):
        await publish_revision(valkey, partner, revision)
    assert await valkey.get(revision_key(partner)) == b"10"
    assert revision_key(partner).startswith(f"{{p:{partner}}}:")
    assert EXPIRY_SECONDS - 60 < await valkey.ttl(revision_key(partner)) <= EXPIRY_SECONDS


async def test_publishing_a_revision_without_valkey_raises_unavailable() -> None:
    client = connect("unix:///nowhere/valkey.sock")
    with pytest.raises(Unavailable):
        await publish_revision(client, uuid4(), 1)
    await client.aclose()


async def test_admission_reads_the_revision_and_the_age_of_nonces_with_a_get_each(
    valkey: Valkey,
) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(controller, partner)
    await valkey.config_resetstat()
    await asyncio.gather(*(admit(controller, partner) for _ in range(8)))
    stats = await valkey.info("commandstats")
    assert stats["cmdstat_get"]["calls"] == 2
    assert stats["cmdstat_set"]["calls"] == 8
    assert stats["cmdstat_evalsha"]["calls"] == 1


async def test_calls_of_one_event_loop_turn_share_a_few_commands(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(controller, partner, budget=1_000)
    before = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    admitted = await asyncio.gather(*(admit(controller, partner, budget=1_000) for _ in range(64)))
    after = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert after - before == 4
    assert sorted(one.remaining for one in admitted) == list(range(935, 999))


async def test_calls_of_many_turns_share_commands_while_the_server_is_slow(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(controller, partner, budget=1_000)
    before = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await valkey.client_pause(60_000, all=False)
    calls = []
    for _ in range(MAX_IN_FLIGHT + 2 * MAX_PER_CALL):
        calls.append(asyncio.ensure_future(admit(controller, partner, budget=1_000)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await valkey.client_unpause()
    admitted = await asyncio.gather(*calls)
    after = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert {one.outcome for one in admitted} == {AdmissionOutcome.ADMITTED}
    assert after - before == MAX_IN_FLIGHT + 2


async def test_cancelled_call_does_not_cancel_the_others_of_its_batch(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    calls = [asyncio.ensure_future(admit(controller, partner)) for _ in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[3], asyncio.CancelledError)
    assert sum(isinstance(one, Admission) for one in results) == 9


async def test_admission_without_valkey_raises_unavailable() -> None:
    client = connect("unix:///nowhere/valkey.sock")
    with pytest.raises(Unavailable):
        await admit(ValkeyAdmissionController(client), uuid4())
    await client.aclose()


async def test_lost_script_is_loaded_again(valkey: Valkey) -> None:
    controller, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(controller, partner)
    await valkey.script_flush()
    assert (await admit(controller, partner)).outcome is AdmissionOutcome.ADMITTED


async def test_script_decides_as_the_reference_model_does(valkey: Valkey) -> None:
    """For ten simulated minutes: the same script, with the time as an argument."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    with_given_time = SCRIPT.replace("local time = server.call('TIME')", "local time = KEYS")
    assert with_given_time != SCRIPT
    script = valkey.register_script(with_given_time)
    budget, window = 200, f"{{p:{uuid4()}}}:weights"
    model, now = SlidingWindow(budget), 1_700_000_000_000
    for number in range(3_000):
        now += chance.choice((0, 0, 1, 5, 100, 400, 1_000))
        weight = chance.choice((1, 1, 1, 5, 50))
        reply = await script(
            keys=[str(now // 1000), str(now % 1000 * 1000)],
            args=[
                *(REQUEST.pack(budget, weight, 0), REMEMBERED_SINCE),
                *(window, f"{window}:revision", f"{window}:{number}"),
            ],
        )
        outcome, remaining, wait = REPLY.unpack(reply)
        expected = model.admit(weight=weight, at_ms=now)
        assert (outcome == AdmissionOutcome.LIMITED) == (expected > 0), (seed, number)
        if expected:
            assert math.ceil(wait / 1000) == expected, (seed, number)
        assert 0 <= remaining <= budget


def _race(url: str, partner: str, calls: int) -> int:
    async def race() -> int:
        client = connect(url)
        controller = ValkeyAdmissionController(client)
        admissions = await asyncio.gather(
            *(
                controller.admit(UUID(partner), revision=0, nonce=uuid4().hex, weight=1, budget=500)
                for _ in range(calls)
            )
        )
        await client.aclose()
        return sum(one.outcome is AdmissionOutcome.ADMITTED for one in admissions)

    return asyncio.run(race())


def test_concurrent_processes_never_exceed_the_budget(servers: Servers) -> None:
    partner, began = str(uuid4()), time.monotonic()
    with get_context("spawn").Pool(4) as pool:
        admitted = pool.starmap(_race, [(servers.valkey.url, partner, 400)] * 4)
    assert time.monotonic() - began < WINDOW_MS / 1000
    assert sum(admitted) == 500


class TakingTurns(ServerPrimary):
    """A server that is a primary now and then."""

    is_primary = True

    @property
    def known(self) -> Collection[Primary]:
        return super().known if self.is_primary else ()


async def test_a_server_that_becomes_the_primary_again_needs_no_further_connection(
    servers: Servers,
) -> None:
    client = connect(servers.valkey.url, connections=2)
    await client.set(REMEMBERED_SINCE, 0)
    controller, primaries = ValkeyAdmissionController(client), TakingTurns(client)
    controller.primaries = primaries
    counters = ValkeyCounters(client, primaries)
    for _ in range(5):
        assert (await admit(controller, uuid4())).outcome is AdmissionOutcome.ADMITTED
        bounds = UnsignedLimits(name=uuid4().hex, per_minute=1).bounds(sources_of("192.0.2.1"))
        assert (await counters.reserve(bounds, 1, time.time()))[0] == 1
        for primaries.is_primary in (False, True):
            controller.forget_servers()
    await client.aclose()
