"""What stories on real chains share: each module makes a world of its own kind, `one_world`."""

from collections.abc import Iterator

import pytest

from tests.support.chains.world import World


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    """Lend the world to a story; whatever happened in it, its books must be right afterwards."""
    yield one_world
    one_world.mend()
    assert one_world.differences() == []
