"""The plan of a run of `tests.chain_faults` derives from its seed and has hostile recipients."""

from random import Random

import pytest

from tests.chain_faults.kinds import HOSTILE, planned

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
