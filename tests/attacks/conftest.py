"""A service outside the sandbox, which attacks on what only the sandbox may offer share."""

from collections.abc import Iterator

import pytest

from tests.conftest import Running, free_port, start_up, stop

METRICS_PORT = free_port()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A fresh `up --no-sandbox`, to which no asset is connected, with metrics on a port apart."""
    running = start_up(
        tmp_path_factory.mktemp("live") / "data",
        *("--no-sandbox", "--workers", "1", "--metrics-port", str(METRICS_PORT)),
    )
    yield running
    stop(running)
