"""Runs of `tests.chain_faults`: derived from a seed, with hostile recipients, and exact books."""

from pathlib import Path
from random import Random

import pytest

from tests.chain_faults.campaign import Campaign
from tests.chain_faults.kinds import HOSTILE, planned
from tests.support.chains import hostile
from tests.support.chains.world import World, needs_nodes

REQUIRED = {
    "gas burner",
    "reverter",
    "return bomb",
    "self-destructed",
    "proxy to a burner",
    "false token",
}


@pytest.mark.parametrize("seed", range(5))
def test_ten_orders_have_a_recipient_of_each_required_kind(seed: int) -> None:
    kinds = planned(Random(seed), 10)
    assert len(kinds) == 10
    assert {kind.hostile for kind in kinds} >= REQUIRED
    assert sum(not kind.hostile for kind in kinds) == 2


def test_sixty_orders_have_all_hostile_kinds_and_as_many_regular_orders() -> None:
    kinds = planned(Random(1), 60)
    assert {*HOSTILE} <= {*kinds}
    assert sum(bool(kind.hostile) for kind in kinds) == 30


def test_a_seed_repeats_its_plan() -> None:
    assert planned(Random(7), 60) == planned(Random(7), 60) != planned(Random(8), 60)


@needs_nodes
@pytest.mark.slow
def test_hostile_and_other_orders_end_with_exact_books_wherever_settlement_is_killed(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, external_signer=True, other_token=hostile.refusing_token_code())
    try:
        campaign = Campaign(world, seed=4)
        campaign.run(4)
        verdict = campaign.verdict()
        world.anvil.receipt(
            world.anvil.send(world.anvil.other_address, 1, sender=world.hot_address)
        )
        falsified = campaign.verdict()["differences"]
    finally:
        world.close()
    assert verdict["kills"] >= 1
    assert verdict["hostile"] == {"gas burner": 1, "reverter": 1}
    assert (verdict["ended"], verdict["differences"]) == (4, [])
    assert [one.partition(":")[0] for one in falsified] == ["hot wallet, eth"] * 2
    assert "1 transactions beyond those in the books" in falsified[1]
