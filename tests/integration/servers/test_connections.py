"""The limits of connections on real sockets of this process."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress

import pytest

from gateway.http.client_address import ClientAddresses
from gateway.http.connections import sockets
from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.limiter import ConnectionLimiter
from gateway.http.connections.limits import Limits, Peer
from tests.support.waiting import wait_until, wait_until_async

HOSTS = ("127.0.0.1", "::1")


class Listener:
    """A listening socket like that of a worker, and its connections."""

    def __init__(self, host: str, stack: ExitStack) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._stack = stack
        self.socket = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind((host, 0))
        self.socket.listen(64)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def connected(self, *, receive_buffer: int = 0) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a new connection: the client's, and the server's."""
        client = self._stack.enter_context(socket.socket(self.socket.family, socket.SOCK_STREAM))
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(20)
        client.connect(self.socket.getsockname()[:2])
        server, _ = self.socket.accept()
        return client, self._stack.enter_context(server)


def peer_of(client: socket.socket) -> Peer:
    """Return the client as the scope of its requests names it."""
    host, port = client.getsockname()[:2]
    return host, str(port)


def fill(server: socket.socket) -> int:
    """Send to a client that does not read until nothing is accepted; return the bytes sent."""
    server.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += server.send(bytes(1 << 16))
    return sent


def read_to_end(client: socket.socket) -> None:
    while client.recv(1 << 16):
        pass


@pytest.fixture(params=HOSTS)
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    with ExitStack() as stack:
        yield Listener(request.param, stack)


def test_only_connections_to_the_port_are_found(listener: Listener) -> None:
    client, server = listener.connected()
    left, right = socket.socketpair()
    with left, right:
        found = dict(sockets.accepted(listener.port))
    assert found == {server.fileno(): peer_of(client)}
    assert sockets.listening() == listener.socket.fileno()
    assert sockets.local_port(listener.socket.fileno()) == listener.port


def test_a_listener_without_so_reuseport_is_not_the_servers() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert sockets.listening() is None


def test_the_state_tells_what_was_sent_and_since_when_nothing_was_received(
    listener: Listener,
) -> None:
    client, server = listener.connected()
    number = server.fileno()
    assert not sockets.state_of(number).was_sent
    assert not sockets.state_of(number).has_received
    assert wait_until(lambda: sockets.state_of(number).quiet_ms, lambda quiet: quiet >= 300)
    client.send(b"request")
    assert server.recv(10) == b"request"
    assert sockets.state_of(number).has_received
    assert sockets.state_of(number).quiet_ms < 300
    server.send(b"response")
    state = wait_until(lambda: sockets.state_of(number), lambda state: not state.sends)
    assert state.was_sent
    fill(server)
    assert sockets.state_of(number).sends


def test_the_state_of_a_closed_connection_belongs_to_no_request(listener: Listener) -> None:
    _, server = listener.connected()
    number = server.fileno()
    server.close()
    assert sockets.state_of(number) == sockets.CLOSED


def test_a_connection_is_reset_and_what_is_unsent_is_discarded(listener: Listener) -> None:
    client, server = listener.connected(receive_buffer=4096)
    fill(server)
    assert sockets.reset(server.fileno(), peer_of(client))
    assert server.recv(10) == b"", "the server reads the end of the connection"
    with pytest.raises(BrokenPipeError):
        server.send(b"more")
    server.close()
    with pytest.raises(ConnectionResetError):
        read_to_end(client)


def test_another_connection_that_took_the_number_is_not_reset(listener: Listener) -> None:
    client, server = listener.connected()
    other, _ = listener.connected()
    assert not sockets.reset(server.fileno(), peer_of(other))
    client.send(b"request")
    assert server.recv(10) == b"request"
    assert not sockets.reset(1 << 20, peer_of(other))


def test_a_connection_that_never_reads_ends_at_the_deadline_and_holds_little(
    listener: Listener,
) -> None:
    sockets.bound_sending(listener.socket.fileno(), buffer_bytes=32 << 10, deadline_seconds=1)
    _, server = listener.connected(receive_buffer=4096)
    assert fill(server) <= 256 << 10

    def error() -> int:
        return server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    assert wait_until(error) == 110  # ETIMEDOUT


def limiter(
    limits: Limits, reports: list[tuple[int, Mapping[str, int]]], clients: ClientConnections
) -> ConnectionLimiter:
    return ConnectionLimiter(
        limits,
        send_deadline_seconds=60,
        clients=clients,
        report=lambda opened, closed: reports.append((opened, closed)),
    )


async def test_the_limiter_closes_what_exceeds_the_limit_of_an_address(listener: Listener) -> None:
    clients = [listener.connected() for _ in range(12)]
    served, _ = clients[0]
    clients[0][1].send(b"response")
    reports: list[tuple[int, Mapping[str, int]]] = []
    known = ClientConnections(ClientAddresses().of_connection)
    subject = limiter(Limits(per_address=5, total=100), reports, known)
    in_progress, _ = clients[1]
    known.in_progress.add(peer_of(in_progress))
    task = asyncio.ensure_future(subject.keep_limiting())
    try:
        await wait_until_async(lambda: sum((Counter(closed) for _, closed in reports), Counter()))
    finally:
        task.cancel()
    assert reports[0] == (5, {"address": 7})
    kept = {client for client, server in clients if not is_ended(server)}
    assert len(kept) == 5
    assert {served, in_progress} <= kept
    rejected = {one for one, _ in clients if known.rejects(peer_of(one))}
    assert rejected == {one for one, _ in clients} - kept
    assert known.rejects((served.getsockname()[0], "1")), "a connection opened afterwards"
    assert not known.rejects(("192.0.2.1", "1"))


async def test_connections_that_exist_when_the_server_begins_to_listen_are_bounded_too(
    listener: Listener,
) -> None:
    early, late = listener.connected(), None
    reports: list[tuple[int, Mapping[str, int]]] = []
    known = ClientConnections(ClientAddresses().of_connection)
    subject = limiter(Limits(per_address=5, total=100), reports, known)
    task = asyncio.ensure_future(subject.keep_limiting())
    try:
        await wait_until_async(lambda: reports)
    finally:
        task.cancel()
    late = listener.connected()
    for _, server in (early, late):
        assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 64 << 10


def is_ended(server: socket.socket) -> bool:
    server.setblocking(False)
    try:
        return server.recv(1) == b""
    except BlockingIOError:
        return False
