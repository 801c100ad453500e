"""Closes connections of clients that are too many, and bounds what each of them may hold."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from gateway.http.connections import sockets
from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.limits import (
    Activity,
    Connection,
    Limits,
    Peer,
    Reason,
    exceeding,
    over_limits,
)

INTERVAL_SECONDS: Final = 0.25
MAX_INTERVALS: Final = 4
"""Intervals between two looks at all connections while their number does not grow."""
GROWTH: Final = 512
START_INTERVAL_SECONDS: Final = 0.01
BATCH: Final = 64
"""Connections looked at or closed before other work of the event loop continues."""
LOG_SECONDS: Final = 60.0

BUFFER_BYTES: Final = 32 * 1024
"""What the kernel buffers for a connection in each direction; it uses up to twice as much."""

Report = Callable[[int, Mapping[str, int]], None]
"""Records the number of open connections, and of those closed since the last report."""

log = structlog.get_logger()


class ConnectionLimiter:
    """Watches the connections of this worker's clients.

    The limits are those of one worker: what they protect is its own, and no worker waits for
    another. The kernel spreads the connections of an address over all workers.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        send_deadline_seconds: float,
        clients: ClientConnections,
        report: Report,
    ) -> None:
        self._limits = limits
        self._send_deadline_seconds = send_deadline_seconds
        self._clients = clients
        self._report = report
        self._closed: Counter[str] = Counter()
        self._logged_at = float("-inf")

    async def keep_limiting(self) -> None:
        """Watch, forever, from the moment when the server listens."""
        port = await self._bound_buffers()
        files, intervals = 0, MAX_INTERVALS
        while True:
            try:
                if intervals >= MAX_INTERVALS or sockets.files_open() > files + GROWTH:
                    await self._limit(port)
                    files, intervals = sockets.files_open(), 0
            except OSError:  # no more files can be opened, not even to list them
                log.exception("connections cannot be read")
            intervals += 1
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _bound_buffers(self) -> int:
        """Set what connections inherit as soon as the server listens; return its port."""
        while (listener := sockets.listening()) is None:  # noqa: ASYNC110  once per worker
            await asyncio.sleep(START_INTERVAL_SECONDS)
        port, seconds = sockets.local_port(listener), self._send_deadline_seconds
        sockets.bound_sending(listener, buffer_bytes=BUFFER_BYTES, deadline_seconds=seconds)
        for early, _ in sockets.accepted(port):
            with suppress(OSError):  # closed meanwhile
                sockets.bound_sending(early, buffer_bytes=BUFFER_BYTES, deadline_seconds=seconds)
        return port

    async def _limit(self, port: int) -> None:
        connections: list[Connection] = []
        for position, (number, peer) in enumerate(sockets.accepted(port)):
            connections.append(Connection(number, peer, self._clients.address_of(peer[0])))
            if position % BATCH == BATCH - 1:
                await asyncio.sleep(0)
        activities: dict[Connection, Activity] = {}
        for position, one in enumerate(exceeding(connections, self._limits)):
            activities[one] = self._activity(one)
            if position % BATCH == BATCH - 1:
                await asyncio.sleep(0)
        closed = dict(over_limits(connections, self._limits, activities.__getitem__))
        self._reject_others(connections, closed)
        overdue = set(self._clients.large.overdue())
        for one in connections if overdue else ():
            if one.peer in overdue:
                closed.setdefault(one, Reason.UNREAD)
        counts: Counter[str] = Counter()
        for position, (connection, reason) in enumerate(closed.items()):
            counts[reason.value] += sockets.reset(connection.descriptor, connection.peer)
            if position % BATCH == BATCH - 1:
                await asyncio.sleep(0)
        open_now = len(connections) - counts.total()
        counts[Reason.REJECTED.value] = self._clients.take_rejected()
        self._report(open_now, +counts)
        self._log(+counts)

    def _reject_others(
        self, connections: Sequence[Connection], closed: Mapping[Connection, Reason]
    ) -> None:
        now = time.monotonic()
        self._clients.forget(now=now)
        over = {one.address for one, reason in closed.items() if reason is Reason.ADDRESS}
        kept: defaultdict[str, list[Peer]] = defaultdict(list)
        for one in connections if over else ():
            if one.address in over and one.address is not None and one not in closed:
                kept[one.address].append(one.peer)
        for address, peers in kept.items():
            self._clients.reject_others(address, peers, now)

    def _activity(self, connection: Connection) -> Activity:
        state = sockets.state_of(connection.descriptor)
        busy = state.sends or connection.peer in self._clients.in_progress
        return Activity(busy, state.was_sent, state.has_received, -state.quiet_ms)

    def _log(self, closed: Counter[str]) -> None:
        self._closed += closed
        now = time.monotonic()
        if self._closed and now - self._logged_at >= LOG_SECONDS:
            log.warning("connections closed by limits", **self._closed)
            self._closed.clear()
            self._logged_at = now
