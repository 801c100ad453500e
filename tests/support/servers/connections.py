"""The server's side of TCP connections, as the kernel lists them."""

import socket
import struct
from pathlib import Path

import msgspec

ESTABLISHED = "01"


class ServerConnection(msgspec.Struct, frozen=True):
    """An established connection of a client, and the bytes that were not sent to it yet."""

    client: str
    unsent: int


def connections_to(port: int) -> list[ServerConnection]:
    """Return the established IPv4 connections to a port (/proc/net/tcp, proc(5))."""
    found = []
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = row.split()
        if state == ESTABLISHED and int(local.partition(":")[2], 16) == port:
            address = struct.pack("=I", int(remote.partition(":")[0], 16))
            unsent = int(queues.partition(":")[0], 16)
            found.append(ServerConnection(socket.inet_ntoa(address), unsent))
    return found
