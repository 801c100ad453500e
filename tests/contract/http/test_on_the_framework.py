"""The API tests with SWAPGATE_DIRECT=false, where BlackSheep's routes serve /v1."""

from collections.abc import Iterator

import pytest

from tests.conftest import Running, start_up, stop
from tests.contract.api.test_authentication import *  # noqa: F403  all its tests and fixtures
from tests.contract.api.test_discovery_and_price import *  # noqa: F403
from tests.contract.http.test_conventions import *  # noqa: F403

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service without direct handlers."""
    running = start_up(
        tmp_path_factory.mktemp("framework") / "data", environment={"SWAPGATE_DIRECT": "false"}
    )
    yield running
    stop(running)
