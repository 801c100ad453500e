"""The same facts where BlackSheep serves /v1, as it does without the direct way."""

from collections.abc import Iterator

import pytest

from tests.conftest import Running, start_up, stop
from tests.contract.api.test_authentication import *  # noqa: F403  every test and fixture of it
from tests.contract.api.test_conventions import *  # noqa: F403
from tests.contract.api.test_discovery_and_price import *  # noqa: F403


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose front hands everything on."""
    running = start_up(
        tmp_path_factory.mktemp("framework") / "data", environment={"SWAPGATE_DIRECT": "false"}
    )
    yield running
    stop(running)
