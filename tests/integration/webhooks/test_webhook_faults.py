"""Short runs of the bench: killed processes, and failing endpoints beside healthy ones."""

import pytest

from bench.webhooks.runs import isolation, kills
from bench.webhooks.world import World


@pytest.mark.timeout(300)
def test_kills_of_workers_and_servers_lose_no_event_and_change_no_byte() -> None:
    with World(workers=2) as world:
        result = kills(world, endpoints=6, events=450, rate=100, number=6, seed=3, patience=120)

    assert sum(result.killed.values()) == 6
    assert result.verdict.events == 450
    assert result.verdict.missing == 0
    assert result.verdict.other_bytes == 0
    assert result.verdict.out_of_order == 0


@pytest.mark.timeout(300)
def test_healthy_endpoints_receive_their_events_while_others_hang_and_drip() -> None:
    with World(workers=1) as world:
        result = isolation(world, healthy=6, sick=4, events=300, rate=100, rounds=1, patience=60)

    (beside,) = result.beside_sick
    assert (beside.missing, beside.repeated, beside.out_of_order) == (0, 0, 0)
    assert beside.most_seconds < 9  # before the first attempt at a failing endpoint times out
