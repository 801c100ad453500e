"""A service outside the sandbox, which attacks on what only the sandbox may offer share."""

import pytest

from tests.conftest import METRICS_OF_UP, Running, shared, start_up

METRICS_PORT = next(METRICS_OF_UP)
PUBLIC_HOST = "swap.example"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A fresh `up --no-sandbox` for PUBLIC_HOST, to which no asset is connected."""

    def start() -> Running:
        return start_up(
            tmp_path_factory.mktemp("live") / "data",
            *("--no-sandbox", "--workers", "1", "--metrics-port", str(METRICS_PORT)),
            environment={
                "SWAPGATE_PUBLIC_URL": f"https://{PUBLIC_HOST}",
                "SWAPGATE_RATES": "sandbox",
            },
        )

    return shared("live", start)
