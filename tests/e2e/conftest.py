"""Fixtures of tests on real chains: each module provides `one_world` with its own settings."""

from collections.abc import Iterator

import pytest

from tests.support.chains.world import World


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    """The module's world; after each test its ledger and counters must be consistent."""
    yield one_world
    one_world.reset()
    assert one_world.differences() == []
