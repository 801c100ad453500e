"""Stops a worker in two steps, so that a load balancer notices before the worker does not listen.

Granian stops a worker at once at SIGTERM and at SIGINT: it closes the listening socket, and with it
connections that are not accepted yet. Here SIGTERM only begins: the worker is not ready, closes
connections with its responses, and goes on serving for a while. Then it sends SIGINT to itself.
"""

import asyncio
import signal
from collections.abc import Callable

from gateway.runtime.health.readiness import Readiness


class Draining:
    """Drains a worker at SIGTERM, then stops it. SIGINT stops it at once."""

    def __init__(
        self,
        readiness: Readiness,
        *,
        seconds: float,
        close_connections: Callable[[], None],
        stop: Callable[[], None] = lambda: signal.raise_signal(signal.SIGINT),
    ) -> None:
        """`close_connections` has each connection closed with its next response."""
        self._readiness = readiness
        self._seconds = seconds
        self._close_connections = close_connections
        self._stop = stop

    def follow_signals(self) -> None:
        """Begin at SIGTERM; call it in the process's event loop, once Granian has its handlers."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.begin)

    def begin(self) -> None:
        """Begin, unless it has begun."""
        if self._readiness.is_draining:
            return
        self._readiness.is_draining = True
        self._close_connections()
        asyncio.get_running_loop().call_later(self._seconds, self._stop)
