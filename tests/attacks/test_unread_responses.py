"""An attacker requests large responses and never reads them."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.processes import family, resident_megabytes
from bench.sockets.attack import LARGE, Attack, Kind, hostile_sockets
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import order_request, send
from tests.support.clients.team import own
from tests.support.clients.visitor import Visitor
from tests.support.servers.connections import connections_to
from tests.support.waiting import ALL_WORKERS, wait_until

SOCKETS = 400
MAX_MEGABYTES = 64
WAITING = 100
ORDERS = 60
EXPORTS = 14
WIDEN = "UPDATE orders SET destination_address = repeat('x', 4000) WHERE partner_id = %s"
"""Makes an export of a few orders larger than what the server may buffer."""
EXPORT = "/partner/orders.csv"


def unread(up: Running, sockets: int, request: bytes = LARGE) -> Attack:
    return Attack(port=up.port, kind=Kind.UNREAD, sockets=sockets, request=request, reopens=False)


def megabytes(up: Running) -> float:
    """Return the memory of the server's processes, and what waits in the kernel to be sent."""
    serve = next(pid for pid in family(up.process.pid) if b"\0serve\0" in command_line(pid))
    unsent = sum(connection.unsent for connection in connections_to(up.port))
    return sum(map(resident_megabytes, family(serve))) + unsent / 1e6


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_400_sockets_that_never_read_are_closed_at_the_deadline_and_hold_little_memory(
    up: Running,
) -> None:
    for _ in range(ALL_WORKERS):
        assert send(f"{up.base_url}/openapi.json", method="GET").status == 200
    before, most = megabytes(up), 0.0
    with hostile_sockets(unread(up, SOCKETS)) as progress:

        def hostile() -> int:
            nonlocal most
            most = max(most, megabytes(up) - before)
            return hostile_connections(up)

        wait_until(lambda: hostile() and progress.open + progress.closed, SOCKETS.__eq__)
        wait_until(hostile, (0).__eq__, context=lambda: f"+{most:.0f} MB")
    assert most <= MAX_MEGABYTES


def hostile_connections(up: Running) -> int:
    """Return the number of connections from other loopback addresses than ours."""
    return sum(one.client != "127.0.0.1" for one in connections_to(up.port))


def stalled(up: Running) -> int:
    """Return the number of those connections whose client does not read what was sent."""
    hostile = [one for one in connections_to(up.port) if one.client != "127.0.0.1"]
    return sum(one.unsent > 0 for one in hostile)


@pytest.fixture(scope="module")
def victim(up: Running) -> Person:
    return CabinetPartner.new(up).owner()


def test_14_exports_that_nobody_reads_do_not_delay_those_of_other_partners(
    up: Running, victim: Person
) -> None:
    attacker = CabinetPartner.new(up)
    attacker.command("partner", "set", attacker.email, "--budget", "1000000")
    attacker.api.until_active()
    for _ in range(ORDERS):
        assert attacker.api.call("/create", order_request()).code == 0
    own(attacker, WIDEN, attacker.id)
    browser = attacker.owner()
    lines = (
        f"GET {EXPORT} HTTP/1.1",
        f"Host: {urlsplit(up.base_url).netloc}",
        f"Cookie: cabinet={browser.cookies['cabinet']}",
    )
    request = "\r\n".join((*lines, "", "")).encode()
    with hostile_sockets(unread(up, EXPORTS, request)):
        wait_until(lambda: stalled(up), EXPORTS.__eq__)
        refused = wait_until(lambda: browser.get(EXPORT), lambda page: page.status != 200)
        assert refused.status == 429
        assert "Try again when one of them is complete" in refused.words()
        assert refused.headers["retry-after"] == "30"
        for _ in range(ALL_WORKERS):
            assert victim.get(EXPORT).status == 200
            assert victim.get("/partner/orders").status == 200
        wait_until(lambda: hostile_connections(up), (0).__eq__)
        wait_until(lambda: browser.get(EXPORT).status, (200).__eq__, consecutive=ALL_WORKERS)


def test_an_address_that_reads_none_of_many_large_responses_gets_no_more_of_them(
    up: Running,
) -> None:
    def page(source: str) -> int:
        return Visitor(up.base_url, source=source).get("/openapi.json").status

    attack = Attack(
        port=up.port, kind=Kind.UNREAD, sockets=WAITING, addresses=1, requests=4, reopens=False
    )
    with hostile_sockets(attack):
        wait_until(lambda: stalled(up), WAITING.__eq__)
        wait_until(lambda: page("127.0.1.1"), (429).__eq__, consecutive=ALL_WORKERS)
        assert page("127.0.1.2") == 200
    wait_until(lambda: page("127.0.1.1"), (200).__eq__, consecutive=ALL_WORKERS)
