"""Whatever happens in the simulated world, no money is lost, sent twice or forgotten."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.conftest import DatabaseUrls
from tests.simulation.chains.families import ACCOUNTS
from tests.simulation.checks.coverage import SEEN
from tests.simulation.checks.invariants import Violation
from tests.simulation.defects import DEFECTS
from tests.simulation.events import SPIKE
from tests.simulation.run import Run, simulate
from tests.simulation.world.preparation import PreparedDatabase, prepare
from tests.simulation.world.world import Options

SHORT, MEDIUM = 8, 60
MAX_RUNS_TO_FIND = 400


@pytest.fixture
async def prepared(database_urls: DatabaseUrls) -> AsyncIterator[PreparedDatabase]:
    prepared = await prepare(database_urls)
    yield prepared
    prepared.storage.close()


async def failures(
    prepared: PreparedDatabase, *, runs: int, seed: int
) -> tuple[dict[int, str], Counter[str]]:
    """Return what was wrong by seed, and how often the dangers to be tested occurred.

    `make simulate RUNS=1 SEED=... ARGS=--trace` prints the trace of one.
    """
    found, seen = {}, Counter[str]()
    for one in range(seed, seed + runs):
        run, error = await simulate(prepared, one, options=Options())
        seen += run.seen
        if error is not None:
            found[one] = f"{type(error).__name__}: {error}"
    return found, seen


async def test_the_same_seed_gives_the_same_trace(prepared: PreparedDatabase) -> None:
    traces = []
    for _ in range(2):
        run, error = await simulate(prepared, 7, options=Options(), steps=100)
        assert error is None
        traces.append(run.trace.text())
    assert traces[0] == traces[1]
    assert len(traces[0]) > 500


async def test_every_unit_is_in_one_place_after_every_step(prepared: PreparedDatabase) -> None:
    found, _ = await failures(prepared, runs=SHORT, seed=1)
    assert found == {}


async def test_a_spike_raises_the_network_fee_of_new_orders(prepared: PreparedDatabase) -> None:
    world = Run(prepared, 3, Options(processes=1)).world
    world.storage.reset()
    await world.tick()
    settlement = world.start_settlement()
    usual = world.market.catalogue.assets["eth"].network_fee
    world.chains[ACCOUNTS].price *= SPIKE[ACCOUNTS]
    assert await settlement.advance(f"estimate {ACCOUNTS}") == "done: 0"
    await world.tick()
    raised = world.market.catalogue.assets["eth"].network_fee
    assert raised > 5 * usual
    while not (
        opened := [
            one.order for one in world.customers.orders if one.order.destination.code == "eth"
        ]
    ):
        await world.customers.open()
    assert opened[0].network_fee == raised


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_unit_is_in_one_place_in_many_runs(prepared: PreparedDatabase) -> None:
    found, seen = await failures(prepared, runs=MEDIUM, seed=1_000)
    assert found == {}
    assert [one for one in SEEN if not seen[one]] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defect_that_is_put_back_is_found(
    prepared: PreparedDatabase, monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    DEFECTS[defect](monkeypatch, prepared.storage)
    for seed in range(1, MAX_RUNS_TO_FIND):
        _, error = await simulate(prepared, seed, options=Options())
        if error is not None:
            assert isinstance(error, Violation)
            return
    pytest.fail(f"{defect}: not found in {MAX_RUNS_TO_FIND} runs")
