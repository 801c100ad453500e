"""Short runs of the bench: killed processes, and failing endpoints beside healthy ones."""

import pytest

from bench.webhooks.runs import isolation, kills
from bench.webhooks.world import World


@pytest.mark.timeout(300)
def test_kills_of_workers_and_servers_lose_no_event_and_change_no_byte() -> None:
    with World(workers=2) as world:
        run = kills(world, endpoints=6, events=450, rate=100, number=6, seed=3, timeout=120)

    assert sum(run.killed.values()) == 6
    assert run.result.events == 450
    assert run.result.missing == 0
    assert run.result.altered == 0
    assert run.result.out_of_order == 0


@pytest.mark.timeout(300)
def test_healthy_endpoints_receive_their_events_while_others_hang_and_drip() -> None:
    with World(workers=1) as world:
        run = isolation(world, healthy=6, failing=4, events=300, rate=100, rounds=1, timeout=60)

    (beside,) = run.beside_failing
    assert (beside.missing, beside.repeated, beside.out_of_order) == (0, 0, 0)
    assert beside.max_seconds < 9  # before the first attempt at a failing endpoint times out
