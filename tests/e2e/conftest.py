"""Fixtures of tests on real chains; a module that needs settings has a `one_world` of its own."""

from collections.abc import Iterator

import pytest

from tests.support.chains.world import World


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    new_world = World(tmp_path_factory.mktemp("chains"))
    yield new_world
    new_world.close()


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    """The module's world; after each test its ledger and counters must be consistent."""
    yield one_world
    one_world.reset()
    assert one_world.differences() == []
