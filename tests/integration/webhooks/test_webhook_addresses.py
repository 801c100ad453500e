"""No event is sent to a forbidden address, however its URL or its name is forged."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from itertools import cycle
from operator import itemgetter
from uuid import uuid4

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from domain.webhooks.address_policy import Address, is_public, is_public_or_private
from domain.webhooks.delivery import PendingDelivery
from domain.webhooks.events import Event, EventType
from feeds.webhooks.connector import checked_connector, is_forbidden
from feeds.webhooks.sender import WebhookSender
from tests.support.builders.forged_urls import (
    FORGED_URLS,
    NAMES,
    SPECIAL_V4,
    SPECIAL_V6,
    disguises,
    hosts,
)
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until, wait_until_async

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOSTS = hosts()
FORBIDDEN = "the host's address is not a public one"
REASONS = {
    FORBIDDEN,
    "the URL is invalid",
    "the URL is not https",
    "the host name cannot be resolved",
}
TRIES = 1_000


class StandingClock:
    def now(self) -> datetime:
        return NOW


class Trap:
    """Listens on every IPv4 and IPv6 address of this machine, and records connections."""

    def __init__(self) -> None:
        self.port = 0
        self._sockets = []
        for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
            listening = socket.socket(family, socket.SOCK_STREAM)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listening.bind((address, self.port))
            except OSError:
                listening.close()
                self.close()
                raise
            listening.listen(1024)
            listening.setblocking(False)
            self.port = listening.getsockname()[1]
            self._sockets.append(listening)

    def connections(self) -> list[str]:
        """Return the addresses that were connected to since the last call."""
        addresses = []
        for listening in self._sockets:
            while True:
                try:
                    connection, _ = listening.accept()
                except BlockingIOError:
                    break
                addresses.append(str(connection.getsockname()[0]))
                connection.close()
        return addresses

    def close(self) -> None:
        for listening in self._sockets:
            listening.close()


def a_trap() -> Trap | None:
    """Return a trap, or None if the port that IPv6 was given is in use on IPv4."""
    try:
        return Trap()
    except OSError:
        return None


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = wait_until(a_trap, lambda trap: trap is not None)
    assert trap is not None
    yield trap
    trap.close()


class Names(AbstractResolver):
    """A resolver that returns the next of these addresses for each lookup of any name."""

    def __init__(self, *results: list[str]) -> None:
        self.lookups = 0
        self._results = cycle(results)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  aiohttp's signature
    ) -> list[ResolveResult]:
        self.lookups += 1
        return [
            ResolveResult(
                hostname=host,
                host=text,
                port=port,
                family=socket.AF_INET6 if ":" in text else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for text in next(self._results)
        ]

    async def close(self) -> None:
        return


def delivery(url: str) -> PendingDelivery:
    event = Event(
        id=uuid4(),
        partner_id=uuid4(),
        order_id=None,
        type=EventType.PARTNER_PAID_OUT,
        dedup_key="paid_out:1",
        body=b"{}",
        created_at=NOW,
    )
    return PendingDelivery(
        event=event,
        url=url,
        webhook_secret="k" * 43,
        standard_webhooks=False,
        failed_attempts=0,
    )


def strict_sender() -> WebhookSender:
    return WebhookSender(clock=StandingClock(), timeout_seconds=MAX_WAIT_SECONDS)


def plain_sender(
    resolver: AbstractResolver | None = None,
    *,
    may_connect: Callable[[Address], bool] = is_public,
) -> WebhookSender:
    """Return a sender that permits plain http, so that only the address can be forbidden."""
    return WebhookSender(
        clock=StandingClock(),
        allow_insecure=True,
        may_connect=may_connect,
        resolver=resolver,
        timeout_seconds=MAX_WAIT_SECONDS,
    )


async def errors_of(sender: WebhookSender, urls: list[str]) -> dict[str, str | None]:
    async with sender:
        attempts = await asyncio.gather(*(sender.send(delivery(url)) for url in urls))
    assert [attempt.http_status for attempt in attempts] == [None] * len(urls)
    return {url: attempt.error for url, attempt in zip(urls, attempts, strict=True)}


def chunks(cases: list[str], size: int = 40) -> list[list[str]]:
    return [cases[first : first + size] for first in range(0, len(cases), size)]


def test_hundreds_of_distinct_forged_urls_are_tried() -> None:
    assert len({*HOSTS, *FORGED_URLS}) == len(HOSTS) + len(FORGED_URLS) > 700


@pytest.mark.parametrize("hosts", chunks([*HOSTS, *disguises()]), ids=itemgetter(0))
async def test_forged_hosts_are_never_connected_to(hosts: list[str], trap: Trap) -> None:
    urls = [f"http://{host}:{trap.port}/" for host in hosts]
    plain = await errors_of(plain_sender(), urls)
    strict = await errors_of(strict_sender(), [url.replace("http:", "https:") for url in urls])

    assert {url: error for url, error in (plain | strict).items() if error not in REASONS} == {}
    assert trap.connections() == []


@pytest.mark.parametrize(
    "hosts", chunks([one for one in HOSTS if one not in NAMES]), ids=itemgetter(0)
)
async def test_connector_rejects_every_form_that_the_system_resolver_accepts_as_an_address(
    hosts: list[str], trap: Trap
) -> None:
    connector = checked_connector(may_connect=is_public, resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        for host in hosts:
            with pytest.raises((aiohttp.ClientError, ValueError)) as raised:
                await session.post(f"http://{host}:{trap.port}/")
            unknown = (aiohttp.InvalidURL, aiohttp.ClientConnectorDNSError)
            assert is_forbidden(raised.value) or isinstance(raised.value, unknown), host

    assert trap.connections() == []


async def test_forged_urls_are_never_connected_to(trap: Trap) -> None:
    urls = [url.replace("{port}", str(trap.port)) for url in FORGED_URLS]
    errors = await errors_of(plain_sender(), urls)

    assert {url: error for url, error in errors.items() if error not in REASONS} == {}
    assert trap.connections() == []


async def test_names_that_resolve_to_special_addresses_are_never_connected_to(trap: Trap) -> None:
    for address in [*map(str, SPECIAL_V4), *SPECIAL_V6]:
        url = f"http://partner.example:{trap.port}/"
        assert await errors_of(plain_sender(Names([address])), [url]) == {url: FORBIDDEN}, address

    assert trap.connections() == []


async def test_rebound_name_never_leads_to_a_forbidden_address(trap: Trap) -> None:
    """Of two local addresses one plays the public one; the name changes between them at will."""
    names = Names(["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2"])

    sender = WebhookSender(
        clock=StandingClock(),
        allow_insecure=True,
        may_connect=lambda address: address == IPv4Address("127.0.0.2"),
        resolver=names,
        timeout_seconds=MAX_WAIT_SECONDS,
    )
    connected: list[str] = []

    async def hang_up() -> None:
        while True:
            connected.extend(trap.connections())
            await asyncio.sleep(0.005)

    hanging_up = asyncio.create_task(hang_up())
    errors = []
    async with sender:
        for chunk in chunks([f"http://h{n}.example:{trap.port}/" for n in range(TRIES)], 250):
            attempts = await asyncio.gather(*(sender.send(delivery(url)) for url in chunk))
            errors += [attempt.error for attempt in attempts]
    hanging_up.cancel()
    connected += trap.connections()

    assert names.lookups == TRIES
    assert errors.count(FORBIDDEN) == TRIES // 4
    assert set(connected) == {"127.0.0.2"}
    assert len(connected) == TRIES * 3 // 4


async def test_connection_goes_to_the_address_that_was_checked(trap: Trap) -> None:
    """One attempt makes one lookup: there is no second one that could return another address."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    async with plain_sender(names, may_connect=is_public_or_private) as sender:
        sending = asyncio.create_task(sender.send(delivery(f"http://partner.example:{trap.port}/")))
        assert await wait_until_async(trap.connections) == ["127.0.0.2"]
        await sending  # which fails: the trap closes every connection

    assert names.lookups == 1
    assert trap.connections() == []


async def test_name_resolution_counts_towards_the_timeout() -> None:
    class Slow(Names):
        async def resolve(self, *_: object) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    async with WebhookSender(
        clock=StandingClock(), resolver=Slow([]), timeout_seconds=0.2
    ) as sender:
        attempt = await sender.send(delivery("https://partner.example/"))

    assert attempt.error == "no response in time"


@pytest.mark.parametrize(
    ("text", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("1.1.1.1", True, True),
        ("100.63.255.255", True, True),
        ("100.128.0.0", True, True),
        ("172.15.255.255", True, True),
        ("172.32.0.0", True, True),
        ("2606:4700:4700::1111", True, True),
        ("2a00:1450:4001::1", True, True),
        ("2001:4860:4860::8888", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.1.1", False, True),
        ("::1", False, True),
        ("fd12:3456::1", False, True),
        ("169.254.169.254", False, False),
        ("fd00:ec2::254", False, False),
        ("fe80::1", False, False),
        ("100.64.0.1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("64:ff9b::a00:1", False, False),
        ("fd12::1%lo", False, False),
    ],
)
def test_addresses_are_classified_as_public_private_or_neither(
    text: str, public: bool, private: bool
) -> None:
    address: Address = ip_address(text)
    assert is_public(address) is public
    assert is_public_or_private(address) is private
