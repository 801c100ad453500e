"""An attacker holds as many connections as possible, and opens those that are closed again."""

import re
from collections import Counter

import msgspec
import pytest

from bench.sockets.attack import Attack, Kind, hostile_sockets
from gateway.http.connections.large import MAX_SENDING
from gateway.settings import Settings
from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send
from tests.support.servers.connections import connections_to
from tests.support.waiting import wait_until

WORKERS = 2
LIMIT = WORKERS * next(
    field.default
    for field in msgspec.structs.fields(Settings)
    if field.name == "connections_per_address"
)
CLOSED = re.compile(r'^swapgate_connections_closed_total\{reason="(\w+)"\} (\S+)$', re.MULTILINE)
CALLS = 10


class Flood:
    """Sockets of an attacker, and how many connections the service has closed since, by reason."""

    def __init__(self, up: Running, attack: Attack) -> None:
        self._up = up
        self._before = self._closed()
        self.attack = attack

    def closed(self, reason: str) -> int:
        return self._closed()[reason] - self._before[reason]

    def held(self) -> int:
        """Return how many established connections the address with most of them has."""
        counts = Counter(one.client for one in connections_to(self._up.port))
        return max(counts.values(), default=0)

    def _closed(self) -> Counter[str]:
        metrics = send(f"{self._up.base_url}/metrics", method="GET").body.decode()
        return Counter({reason: int(float(count)) for reason, count in CLOSED.findall(metrics)})


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.new_partner()


def calls_succeed(partner: Partner) -> None:
    """Call as the partner, and as an unrelated client, each time on a new connection."""
    for _ in range(CALLS):
        assert partner.call("/price", quote_request()).code == 0
        assert partner.post("/price", b"{}", {}).status == 400


@pytest.mark.parametrize("kind", [Kind.IDLE, pytest.param(Kind.HEAD, marks=pytest.mark.slow)])
def test_one_address_holds_no_more_connections_than_it_may(
    up: Running, partner: Partner, kind: Kind
) -> None:
    attack = Attack(port=up.port, kind=kind, sockets=3 * LIMIT, addresses=1, reopens=False)
    flood = Flood(up, attack)
    with hostile_sockets(attack):
        wait_until(lambda: flood.closed("address"), lambda closed: closed >= LIMIT)
        calls_succeed(partner)
        assert wait_until(flood.held, lambda held: held <= LIMIT)


def test_requests_on_connections_above_the_limit_are_rejected_without_being_served(
    up: Running, partner: Partner
) -> None:
    """Of an attacker who opens connections faster than the server looks at them."""
    attack = Attack(port=up.port, kind=Kind.UNREAD, sockets=3 * LIMIT, addresses=1)
    flood = Flood(up, attack)
    with hostile_sockets(attack):
        wait_until(lambda: flood.closed("rejected"), lambda rejected: rejected >= LIMIT)
        calls_succeed(partner)


def test_many_clients_of_many_addresses_that_do_not_read_are_disconnected(
    up: Running, partner: Partner
) -> None:
    """Before, each held what it was sent for the 20 seconds of the deadline.

    How many of them a worker disconnects depends on how the system divides them among the workers;
    test_large_responses.py checks the numbers.
    """
    attack = Attack(
        port=up.port, kind=Kind.UNREAD, sockets=WORKERS * MAX_SENDING, addresses=200, reopens=False
    )
    flood = Flood(up, attack)
    with hostile_sockets(attack):
        wait_until(lambda: flood.closed("unread"), lambda closed: closed > 0)
        calls_succeed(partner)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.IDLE, Kind.HEAD])
def test_10000_sockets_from_20_addresses_leave_room_for_others(
    up: Running, partner: Partner, kind: Kind
) -> None:
    attack = Attack(port=up.port, kind=kind, sockets=10_000, addresses=20)
    flood = Flood(up, attack)
    with hostile_sockets(attack) as progress:
        wait_until(lambda: progress.open + progress.closed, lambda opened: opened >= 10_000)
        wait_until(lambda: flood.closed("address"), lambda closed: closed >= 20 * LIMIT // 2)
        for _ in range(10):
            calls_succeed(partner)
