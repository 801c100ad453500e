"""Admission on a real Valkey: the window is exact, nonces work once, and losing Valkey closes."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from multiprocessing import get_context
from uuid import UUID, uuid4

import pytest
from valkey.asyncio import Valkey

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from domain.partners.weights import WINDOW_MS, SlidingWindow
from persistence.valkey.admission import REPLY, REQUEST, SCRIPT, ValkeyAdmissionController
from persistence.valkey.client import connect
from persistence.valkey.generations import EXPIRY_SECONDS, generation_key, publish_generation
from tests.conftest import Servers


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[Valkey]:
    client = connect(servers.valkey.url)
    yield client
    await client.aclose()


async def admit(
    gate: ValkeyAdmissionController,
    partner: UUID,
    *,
    weight: int = 1,
    budget: int = 100,
    nonce: str = "",
    generation: int = 0,
) -> Admission:
    return await gate.admit(
        partner,
        generation=generation,
        nonce=nonce or uuid4().hex,
        weight=weight,
        budget=budget,
    )


async def test_weight_is_charged_until_the_budget_is_spent(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    verdicts = [await admit(gate, partner, weight=50, budget=120) for _ in range(3)]
    assert [one.outcome for one in verdicts] == [
        AdmissionOutcome.ADMITTED,
        AdmissionOutcome.ADMITTED,
        AdmissionOutcome.LIMITED,
    ]
    assert [one.remaining for one in verdicts] == [70, 20, 20]
    assert 55_000 < verdicts[2].wait_ms <= WINDOW_MS


async def test_a_call_heavier_than_the_budget_is_never_admitted(valkey: Valkey) -> None:
    refused = await admit(ValkeyAdmissionController(valkey), uuid4(), weight=50, budget=49)
    assert refused.outcome is AdmissionOutcome.LIMITED
    assert refused.wait_ms == WINDOW_MS


async def test_a_nonce_works_once_for_a_partner_and_again_for_another(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    assert (await admit(gate, partner, nonce="n" * 16)).outcome is AdmissionOutcome.ADMITTED
    other_worker = ValkeyAdmissionController(valkey)
    assert (await admit(other_worker, partner, nonce="n" * 16)).outcome is AdmissionOutcome.REPLAYED
    assert (await admit(gate, uuid4(), nonce="n" * 16)).outcome is AdmissionOutcome.ADMITTED


async def test_a_replay_charges_nothing(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(gate, partner, nonce="n" * 16)
    await admit(gate, partner, nonce="n" * 16)
    assert (await admit(gate, partner)).remaining == 98


async def test_a_refused_call_burns_its_nonce(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    assert (
        await admit(gate, partner, budget=0, nonce="n" * 16)
    ).outcome is AdmissionOutcome.LIMITED
    assert (await admit(gate, partner, nonce="n" * 16)).outcome is AdmissionOutcome.REPLAYED


async def test_all_keys_of_a_partner_share_a_slot_and_expire(valkey: Valkey) -> None:
    partner = uuid4()
    await admit(ValkeyAdmissionController(valkey), partner)
    keys = [key async for key in valkey.scan_iter(f"*{partner}*")]
    assert len(keys) == 2
    assert all(key.startswith(f"{{p:{partner}}}:".encode()) for key in keys)
    for key in keys:
        assert 60 <= await valkey.ttl(key) <= 300


async def test_a_replaced_generation_is_stale_and_its_nonce_not_burnt(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await publish_generation(valkey, partner, 3)
    stale = await admit(gate, partner, generation=2, nonce="n" * 16)
    assert stale == Admission(AdmissionOutcome.STALE, 0, 0)
    now = await admit(gate, partner, generation=3, nonce="n" * 16)
    assert (now.outcome, now.remaining) == (AdmissionOutcome.ADMITTED, 99)


@pytest.mark.parametrize("known", [None, 1, 2], ids=["lost", "older", "the same"])
async def test_a_generation_at_least_as_new_as_the_known_one_is_admitted(
    valkey: Valkey, known: int | None
) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    if known is not None:
        await publish_generation(valkey, partner, known)
    assert (await admit(gate, partner, generation=2)).outcome is AdmissionOutcome.ADMITTED


async def test_the_newest_generation_can_be_asked_for_at_no_cost(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    assert await gate.newest_generation(partner) == -1
    await publish_generation(valkey, partner, 3)
    asked, _ = await asyncio.gather(
        gate.newest_generation(partner), admit(gate, partner, generation=3)
    )
    assert asked == 3
    assert (await admit(gate, partner, generation=3)).remaining == 98
    assert len([key async for key in valkey.scan_iter(f"*{partner}*")]) == 4


async def test_generations_are_a_partners_own(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await publish_generation(valkey, partner, 1)
    both = await asyncio.gather(admit(gate, partner), admit(gate, uuid4()))
    assert [one.outcome for one in both] == [AdmissionOutcome.STALE, AdmissionOutcome.ADMITTED]


async def test_a_generation_never_goes_back_and_is_forgotten_in_the_end(valkey: Valkey) -> None:
    partner = uuid4()
    for generation in (1, 10, 9):
        await publish_generation(valkey, partner, generation)
    assert await valkey.get(generation_key(partner)) == b"10"
    assert generation_key(partner).startswith(f"{{p:{partner}}}:")
    assert EXPIRY_SECONDS - 60 < await valkey.ttl(generation_key(partner)) <= EXPIRY_SECONDS


async def test_without_valkey_nobody_is_told_of_a_rotation() -> None:
    client = connect("unix:///nowhere/valkey.sock")
    with pytest.raises(Unavailable):
        await publish_generation(client, uuid4(), 1)
    await client.aclose()


async def test_a_call_costs_one_more_look_than_its_nonce_and_window(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(gate, partner)
    await valkey.config_resetstat()
    await admit(gate, partner)
    stats = await valkey.info("commandstats")
    assert stats["cmdstat_get"]["calls"] == 1
    assert stats["cmdstat_set"]["calls"] == 1


async def test_many_calls_of_one_turn_share_a_few_commands(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(gate, partner, budget=1_000)
    before = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    admitted = await asyncio.gather(*(admit(gate, partner, budget=1_000) for _ in range(64)))
    after = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert after - before == 4
    assert sorted(one.remaining for one in admitted) == list(range(935, 999))


async def test_a_caller_who_leaves_takes_nobody_with_him(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    calls = [asyncio.ensure_future(admit(gate, partner)) for _ in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(ended[3], asyncio.CancelledError)
    assert sum(isinstance(one, Admission) for one in ended) == 9


async def test_without_valkey_nobody_is_admitted() -> None:
    client = connect("unix:///nowhere/valkey.sock")
    with pytest.raises(Unavailable):
        await admit(ValkeyAdmissionController(client), uuid4())
    await client.aclose()


async def test_the_script_is_loaded_again_after_it_was_lost(valkey: Valkey) -> None:
    gate, partner = ValkeyAdmissionController(valkey), uuid4()
    await admit(gate, partner)
    await valkey.script_flush()
    assert (await admit(gate, partner)).outcome is AdmissionOutcome.ADMITTED


async def test_the_script_decides_as_the_plain_model_does(valkey: Valkey) -> None:
    """Over ten simulated minutes: the same script, told the time instead of asking for it."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    told_the_time = SCRIPT.replace(
        "local time = server.call('TIME')", "local time = {ARGV[2], ARGV[3]}"
    )
    assert told_the_time != SCRIPT
    script = valkey.register_script(told_the_time)
    budget, window = 200, f"{{p:{uuid4()}}}:weights"
    model, now = SlidingWindow(budget), 1_700_000_000_000
    for number in range(3_000):
        now += chance.choice((0, 0, 1, 5, 100, 400, 1_000))
        weight = chance.choice((1, 1, 1, 5, 50))
        answer = await script(
            keys=[window, f"{window}:generation", f"{window}:{number}"],
            args=[REQUEST.pack(budget, weight, 0), now // 1000, now % 1000 * 1000],
        )
        outcome, remaining, wait = REPLY.unpack(answer)
        expected = model.admit(weight=weight, at_ms=now)
        assert (outcome == AdmissionOutcome.LIMITED) == (expected > 0), (seed, number)
        if expected:
            assert math.ceil(wait / 1000) == expected, (seed, number)
        assert 0 <= remaining <= budget


def _race(url: str, partner: str, calls: int) -> int:
    async def race() -> int:
        client = connect(url)
        gate = ValkeyAdmissionController(client)
        admissions = await asyncio.gather(
            *(
                gate.admit(UUID(partner), generation=0, nonce=uuid4().hex, weight=1, budget=500)
                for _ in range(calls)
            )
        )
        await client.aclose()
        return sum(one.outcome is AdmissionOutcome.ADMITTED for one in admissions)

    return asyncio.run(race())


def test_racing_processes_never_exceed_the_budget(servers: Servers) -> None:
    partner, began = str(uuid4()), time.monotonic()
    with get_context("spawn").Pool(4) as pool:
        admitted = pool.starmap(_race, [(servers.valkey.url, partner, 400)] * 4)
    assert time.monotonic() - began < WINDOW_MS / 1000
    assert sum(admitted) == 500
