"""Callers beside an attack: how long their calls take, and how many fail."""

import http.client
import json
import statistics
import threading
import time
from contextlib import closing
from typing import Final

import msgspec

from bench.calls import QUOTE, Partner

TIMEOUT_SECONDS: Final = 20
PATH: Final = "/v1/price"
BODY: Final = json.dumps(QUOTE).encode()


class Latencies(msgspec.Struct, frozen=True):
    """Of the calls of one caller: milliseconds each that succeeded, and the number that failed."""

    name: str
    milliseconds: list[float]
    failed: int

    def percentile(self, percent: int) -> float:
        """Return a percentile, in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]

    def __str__(self) -> str:
        """Return the figures as a line."""
        calls = len(self.milliseconds) + self.failed
        if len(self.milliseconds) < 2:
            return f"{self.name}: {calls} calls, {self.failed} failed"
        p50, p99, most = self.percentile(50), self.percentile(99), max(self.milliseconds)
        return (
            f"{self.name}: {calls} calls, {self.failed} failed, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
            f", at most {most:.1f} ms"
        )


class Caller(threading.Thread):
    """Requests quotes at a steady rate: signed on one connection, or each on a new connection."""

    def __init__(
        self, port: int, *, address: str, partner: Partner | None, per_second: float = 40
    ) -> None:
        """Sign as `partner` on a connection that is kept, or call unsigned without one.

        At the default rate a partner stays within its weight budget.
        """
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=TIMEOUT_SECONDS, source_address=(address, 0)
        )
        self._partner = partner
        self._pause = 1 / per_second
        self._ended = threading.Event()
        self._milliseconds: list[float] = []
        self._failed = 0

    def run(self) -> None:
        """Call until `stopped`."""
        connection = self._connection
        while not self._ended.is_set():
            began = time.perf_counter()
            try:
                if self._partner is None:
                    connection.close()
                self._call(connection)
            except (OSError, http.client.HTTPException):
                self._failed += 1
                connection.close()
            else:
                self._milliseconds.append((time.perf_counter() - began) * 1000)
            self._ended.wait(max(0.0, self._pause - (time.perf_counter() - began)))
        connection.close()

    def _call(self, connection: http.client.HTTPConnection) -> None:
        headers = {} if self._partner is None else self._partner.headers(PATH, BODY)
        connection.request("POST", PATH, BODY, headers)
        with closing(connection.getresponse()) as response:
            if json.loads(response.read())["code"] != 0:
                raise http.client.HTTPException

    def stopped(self) -> Latencies:
        """Stop, and return what was measured."""
        self._ended.set()
        self.join()
        name = (
            "signed calls, one connection"
            if self._partner is not None
            else "unsigned calls, a connection each"
        )
        return Latencies(name, self._milliseconds, self._failed)
