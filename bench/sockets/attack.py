"""Connections that an attacker opens from many addresses, keeps open and opens again when closed.

`hostile_sockets` runs them in a process of their own, so that they do not delay the callers that
are measured beside them.
"""

import errno
import multiprocessing
import resource
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

TICK_SECONDS: Final = 0.02
RECEIVE_BUFFER: Final = 4096
LARGE: Final = b"GET /openapi.json HTTP/1.1\r\nHost: swapgate\r\n\r\n"
"""A request whose response is large, unless it is compressed."""


class Kind(StrEnum):
    """What a hostile socket sends: nothing, half of a head, or requests without reading."""

    IDLE = "idle"
    HEAD = "head"
    UNREAD = "unread"


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """`sockets` connections to a port of 127.0.0.1 from `addresses` other loopback addresses."""

    port: int
    kind: Kind
    sockets: int
    addresses: int = 20
    per_second: int = 2_000
    """Connections opened in a second, at first and after the server has closed some."""
    request: bytes = LARGE
    """What a socket that never reads requests."""
    requests: int = 24
    """How often it does at once: more than any buffer holds responses to."""
    reopens: bool = True


class Progress:
    """How many sockets are open, and how many the server has closed so far."""

    def __init__(self) -> None:
        self._open: Synchronized[int] = multiprocessing.Value("q", 0)
        self._closed: Synchronized[int] = multiprocessing.Value("q", 0)

    @property
    def open(self) -> int:
        """Sockets that are connected, or connecting."""
        return self._open.value

    @property
    def closed(self) -> int:
        """Sockets that the server has closed."""
        return self._closed.value

    def record(self, *, opened: int, closed: int) -> None:
        """Set both."""
        self._open.value = opened
        self._closed.value = closed


@contextmanager
def hostile_sockets(attack: Attack) -> Iterator[Progress]:
    """Run an attack until the block ends."""
    progress = Progress()
    process = multiprocessing.get_context("fork").Process(
        target=_Attacker(attack, progress).run, daemon=True
    )
    process.start()
    try:
        yield progress
    finally:
        process.kill()
        process.join()


class _Attacker:
    def __init__(self, attack: Attack, progress: Progress) -> None:
        self._attack = attack
        self._progress = progress
        self._sockets: dict[int, socket.socket] = {}
        self._addresses = deque(
            f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(attack.addresses)
        )
        self._opened = 0
        self._closed = 0

    def run(self) -> None:
        """Open and reopen sockets, forever."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        attack, events = self._attack, select.epoll()
        per_tick = max(1, round(attack.per_second * TICK_SECONDS))
        while True:
            began = time.monotonic()
            most_opened = self._opened if attack.reopens else attack.sockets - self._opened
            missing = attack.sockets - len(self._sockets)
            for _ in range(min(per_tick, missing if attack.reopens else most_opened)):
                self._open(events)
            for number, event in events.poll(0, 10_000):
                if event & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                    self._close(events, number)
                elif event & select.EPOLLOUT:
                    self._send(events, number)
            self._progress.record(opened=len(self._sockets), closed=self._closed)
            time.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began)))

    def _open(self, events: select.epoll) -> None:
        one = socket.socket()
        one.setblocking(False)
        if self._attack.kind is Kind.UNREAD:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        one.bind((self._addresses[0], 0))
        self._addresses.rotate()
        if one.connect_ex(("127.0.0.1", self._attack.port)) not in (0, errno.EINPROGRESS):
            one.close()
            return
        self._opened += 1
        self._sockets[one.fileno()] = one
        events.register(one.fileno(), select.EPOLLOUT | select.EPOLLRDHUP)

    def _send(self, events: select.epoll, number: int) -> None:
        events.modify(number, select.EPOLLRDHUP)
        with suppress(OSError):
            if self._attack.kind is Kind.HEAD:
                self._sockets[number].send(b"POST /v1/price HTTP/1.1\r\nHost: swapgate\r\n")
            if self._attack.kind is Kind.UNREAD:
                self._sockets[number].send(self._attack.request * self._attack.requests)

    def _close(self, events: select.epoll, number: int) -> None:
        events.unregister(number)
        self._sockets.pop(number).close()
        self._closed += 1
