"""Attackers without accounts create orders that nobody pays, from many addresses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Running, start_up, stop
from tests.support.clients.visitor import Visitor

pytestmark = pytest.mark.slow

SPAMMERS = 14
ORDERS_EACH = 10


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with the default limits of orders, behind a trusted proxy."""
    running = start_up(
        tmp_path_factory.mktemp("spam") / "data",
        environment={
            "SWAPGATE_PUBLIC_ORDERS_PER_MINUTE": "10",
            "SWAPGATE_PUBLIC_ORDERS_PER_DAY": "100",
            "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_MINUTE": "120",
            "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_DAY": "10000",
            "SWAPGATE_TRUSTED_PROXIES": "127.0.0.0/8",
        },
    )
    yield running
    stop(running)


def statuses(service: Running, addresses: list[str]) -> list[int]:
    """Return the statuses of concurrent orders, one from each of the addresses."""

    def order(address: str) -> int:
        visitor = Visitor(service.base_url, address)
        return visitor.post("/", visitor.filled()).status  # each has a quote of its own

    with ThreadPoolExecutor(16) as callers:
        return list(callers.map(order, addresses))


def test_a_burst_from_14_addresses_leaves_orders_to_newcomers(service: Running) -> None:
    spammers = [f"203.0.113.{number}" for number in range(SPAMMERS)]
    spam = statuses(service, spammers * ORDERS_EACH)
    assert set(spam) == {303, 429}
    assert spam.count(303) <= 106, "90 of returning addresses, 14 of new ones, 2 of the 5 %"
    newcomers = [f"198.51.100.{number}" for number in range(10)]
    assert statuses(service, newcomers) == [303] * 10


def test_addresses_rotated_within_a_48_are_limited_together(service: Running) -> None:
    rotated = [f"2001:db8:1:{number:x}::{number:x}" for number in range(0, 65_536, 1024)]
    found = statuses(service, rotated)
    assert found.count(303) <= 42, "4 times the limit of one address, and 5 %"
    assert statuses(service, ["2001:db8:2::1", "::ffff:198.51.100.1"]) == [303, 303]
