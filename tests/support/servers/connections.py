"""The server's side of TCP connections, as the kernel lists them."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

ESTABLISHED = "01"
LISTEN = "0A"


class ServerConnection(msgspec.Struct, frozen=True):
    """An established connection of a client, and the bytes that were not sent to it yet."""

    client: str
    unsent: int


def connections_to(port: int) -> list[ServerConnection]:
    """Return the established IPv4 connections to a port (/proc/net/tcp, proc(5))."""
    found = []
    for remote, queues in _sockets(port, ESTABLISHED):
        address = struct.pack("=I", int(remote.partition(":")[0], 16))
        unsent = int(queues.partition(":")[0], 16)
        found.append(ServerConnection(socket.inet_ntoa(address), unsent))
    return found


def listeners_at(port: int) -> int:
    """Return how many sockets listen on a port: one of each worker (SO_REUSEPORT)."""
    return len(list(_sockets(port, LISTEN)))


def _sockets(port: int, wanted: str) -> Iterator[tuple[str, str]]:
    """Yield the remote address and the queues of each socket of a port that is in a state."""
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = row.split()
        if state == wanted and int(local.partition(":")[2], 16) == port:
            yield remote, queues
