"""Which connections are closed when an address, or all together, have too many."""

import resource
from collections import Counter

import pytest

from gateway.http.connections.limits import (
    Activity,
    Connection,
    Limits,
    Reason,
    over_limits,
    possible_total,
)

NEW = Activity(in_progress=False, served=False, has_sent=False, minus_quiet_ms=-100)
SILENT = NEW._replace(minus_quiet_ms=-5_000)
WAITING = SILENT._replace(has_sent=True)
IDLE = WAITING._replace(served=True)
BUSY = IDLE._replace(in_progress=True, minus_quiet_ms=-9_000)


class Table:
    """Connections of a worker, numbered in the order in which they are added."""

    def __init__(self, *, per_address: int = 4, total: int = 10) -> None:
        self._limits = Limits(per_address=per_address, total=total)
        self._activities: list[Activity] = []
        self._connections: list[Connection] = []

    def add(self, address: str | None, *activities: Activity) -> None:
        for activity in activities:
            number = len(self._activities)
            self._activities.append(activity)
            self._connections.append(Connection(number, (str(address), str(number)), address))

    def closed(self) -> dict[int, Reason]:
        read = self._activities.__getitem__
        found = over_limits(self._connections, self._limits, lambda one: read(one.descriptor))
        return {connection.descriptor: reason for connection, reason in found}


def test_what_is_within_the_limits_stays_open() -> None:
    table = Table()
    for address in ("192.0.2.1", "192.0.2.2"):
        table.add(address, SILENT, IDLE)
    assert table.closed() == {}


def test_an_address_with_too_many_loses_those_that_never_got_a_response_first() -> None:
    table = Table()
    table.add("192.0.2.1", BUSY, IDLE, WAITING, SILENT, IDLE, BUSY)
    table.add("192.0.2.2", SILENT)
    assert table.closed() == {2: Reason.ADDRESS, 3: Reason.ADDRESS}


def test_those_that_never_sent_anything_are_closed_before_those_that_wait_for_a_response() -> None:
    table = Table(per_address=1)
    table.add("192.0.2.1", WAITING, NEW)
    assert table.closed() == {1: Reason.ADDRESS}


def test_an_address_with_too_many_requests_in_progress_loses_some_of_them() -> None:
    table = Table()
    table.add("192.0.2.1", *[BUSY] * 6)
    assert Counter(table.closed().values()) == {Reason.ADDRESS: 2}


def test_trusted_proxies_have_no_limit_of_their_own() -> None:
    table = Table(total=20)
    table.add(None, *[IDLE] * 9)
    assert table.closed() == {}


def test_no_limit_per_address_is_possible() -> None:
    table = Table(per_address=0, total=20)
    table.add("192.0.2.1", *[IDLE] * 9)
    assert table.closed() == {}


def test_half_full_a_client_must_send_something_within_two_seconds() -> None:
    table = Table(total=10)
    table.add(None, *[IDLE] * 4, SILENT, NEW, WAITING)
    assert table.closed() == {4: Reason.SILENT}


def test_full_the_connections_that_were_quiet_longest_are_closed() -> None:
    table = Table(total=4)
    table.add(None, WAITING, IDLE._replace(minus_quiet_ms=-10), IDLE, BUSY, BUSY, BUSY)
    assert table.closed() == {0: Reason.FULL, 2: Reason.FULL}


def test_no_request_in_progress_is_interrupted_to_make_room() -> None:
    table = Table(total=4)
    table.add(None, *[BUSY] * 9, IDLE)
    assert table.closed() == {9: Reason.FULL}


@pytest.fixture
def files() -> object:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("files")
def test_the_limit_of_open_files_is_raised_as_far_as_connections_need_it() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, most))
    assert possible_total(300) == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 2 * 300 + 256
    assert possible_total(100) == 100
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 2 * 300 + 256, "it is never lowered"
    assert possible_total(10 * most) == (most - 256) // 2
