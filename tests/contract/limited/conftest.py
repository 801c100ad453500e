"""A service with low limits behind a trusted proxy, whose switches no other test depends on."""

from collections.abc import Iterator

import pytest

from tests.conftest import Running, shared, start_up
from tests.support.telemetry.collector import Collector, collecting

PER_MINUTE = 30
FREE_TRIES = 3


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Running:
    """A service of two workers with low limits, a brand of its own, and all calls traced."""

    def start() -> Running:
        directory = tmp_path_factory.mktemp("limited")
        logo = directory / "logo.svg"
        logo.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
        running = start_up(
            directory / "data",
            environment={
                "SWAPGATE_UNSIGNED_QUOTES_PER_MINUTE": str(PER_MINUTE),
                "SWAPGATE_SIGN_IN_TRIES": str(FREE_TRIES),
                "SWAPGATE_PUBLIC_ORDERS_PER_MINUTE": "3",
                "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_MINUTE": "5",
                "SWAPGATE_TRUSTED_PROXIES": "127.0.0.0/8",
                "SWAPGATE_TRACING_ENDPOINT": collector.url,
                "SWAPGATE_TRACING_SAMPLE_RATIO": "1",
                "SWAPGATE_BRAND_NAME": "Coin & Sons",
                "SWAPGATE_BRAND_COLOURS": "accent=#7a1fa2, accent-dark=#d9a6ff",
                "SWAPGATE_BRAND_LOGO": str(logo),
            },
        )
        running.json("partner", "set", running.demo().cabinet_email, "--budget", "1000000")
        return running

    return shared("limited", start)
