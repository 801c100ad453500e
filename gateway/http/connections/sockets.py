"""The sockets of this process that the HTTP server opened, which does not give access to them.

They are found among the open files of the process (proc(5)). The server may close one at any moment
and another file may take its number: reading then reads something else, which is harmless, and
`reset` works on a duplicate whose peer it compares first.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from gateway.http.connections.limits import Peer

OPEN_FILES: Final = Path("/proc/self/fd")

_ABORT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of zero: what is unsent is discarded, and the peer gets a reset."""

_TCP_INFO_BYTES: Final = 160
_TCP_INFO: Final = struct.Struct("=24xI24xI72xQ8xI8xI")
"""Of tcp_info (linux/tcp.h): unacked, last_data_recv, bytes_received, notsent_bytes, data_segs_out.
"""


class TcpState(NamedTuple):
    """What the kernel knows about a connection."""

    sends: bool
    """Whether something is not sent or not acknowledged."""
    was_sent: bool
    """Whether something was sent to the client."""
    has_received: bool
    quiet_ms: int
    """Since data was received last, or since the connection was accepted."""


CLOSED: Final = TcpState(sends=False, was_sent=True, has_received=True, quiet_ms=0)


def files_open() -> int:
    """Return how many files are open."""
    # Since Linux 6.2 the size of the directory; listing it takes a microsecond and more per file.
    return OPEN_FILES.stat().st_size or len(_numbers())


def listening() -> int | None:
    """Return the descriptor of the server's listening socket; None while it has none.

    Each worker has one of its own, with SO_REUSEPORT: no other listener of the process has it.
    """
    for number in _numbers():
        with suppress(OSError), _borrowed(number) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEPORT
            ):
                return number
    return None


def local_port(number: int) -> int:
    """Return the port of a socket."""
    with _borrowed(number) as one:
        port: int = one.getsockname()[1]
        return port


def accepted(port: int) -> Iterator[tuple[int, Peer]]:
    """Return descriptor and peer of each connection to a port."""
    for number in _numbers():
        with suppress(OSError), _borrowed(number) as one:
            name = one.getsockname()
            if isinstance(name, tuple) and name[1] == port:  # that of a Unix socket is text
                yield number, _peer_of(one)


def bound_sending(number: int, *, buffer_bytes: int, deadline_seconds: float) -> None:
    """Bound what a socket may hold, and how long its peer may not acknowledge what it is sent.

    Connections inherit both from the socket that listens. After the deadline the kernel resets the
    connection, also while the peer's window is closed (TCP_USER_TIMEOUT, tcp(7), RFC 5482).
    """
    with _borrowed(number) as one:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            one.setsockopt(socket.SOL_SOCKET, option, buffer_bytes)
        milliseconds = round(deadline_seconds * 1000)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def state_of(number: int) -> TcpState:
    """Return the state of a connection; of a closed one, what belongs to no request."""
    try:
        with _borrowed(number) as one:
            info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        unacked, quiet_ms, received, unsent, sent = _TCP_INFO.unpack(info)
    except (OSError, struct.error):
        return CLOSED
    return TcpState(unacked + unsent > 0, sent > 0, received > 0, quiet_ms)


def reset(number: int, peer: Peer) -> bool:
    """Close the connection to a peer at once; return False if it is closed already."""
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as one:
        if _peer_of(one) == peer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            one.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _peer_of(one: socket.socket) -> Peer:
    address, port = one.getpeername()[:2]
    return address, str(port)


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir(OPEN_FILES)]  # noqa: PTH208  paths take time


@contextmanager
def _borrowed(number: int) -> Iterator[socket.socket]:
    """Give access to a socket that remains open. Raises OSError if it is none."""
    one = socket.socket(-1, socket.SOCK_STREAM, 0, fileno=number)
    try:
        yield one
    finally:
        one.detach()
