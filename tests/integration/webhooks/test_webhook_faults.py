"""Runs of the bench: killed processes, and failing endpoints beside healthy ones.

`make test` runs the short forms, `make test-slow` these, `make faults` the long ones.
"""

import pytest

from bench.webhooks.runs import isolation, kills
from bench.webhooks.world import World


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("events", "number"), [(60, 1), pytest.param(450, 6, marks=pytest.mark.slow)]
)
def test_kills_of_workers_and_servers_lose_no_event_and_change_no_byte(
    events: int, number: int
) -> None:
    with World(workers=2) as world:
        run = kills(world, endpoints=6, events=events, rate=100, number=number, seed=3, timeout=120)

    assert sum(run.killed.values()) == number
    assert run.result.events == events
    assert run.result.missing == 0
    assert run.result.altered == 0
    assert run.result.out_of_order == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_healthy_endpoints_receive_their_events_while_others_hang_and_drip() -> None:
    with World(workers=1) as world:
        run = isolation(world, healthy=6, failing=4, events=300, rate=100, rounds=1, timeout=60)

    (beside,) = run.beside_failing
    assert (beside.missing, beside.repeated, beside.out_of_order) == (0, 0, 0)
    assert beside.max_seconds < 9  # before the first attempt at a failing endpoint times out
