"""An open loop: calls are scheduled at a constant rate, regardless of earlier ones.

Latency is measured from the scheduled time, so waiting for a free connection counts, and a slow
server does not reduce the load (coordinated omission). `python -m bench.limits.open_loop` reads a
plan as JSON on stdin and writes figures as JSON to stdout: a separate process, so that it can be
pinned.
"""

import gc
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Final

import msgspec

from bench.calls import Call, Prepared
from bench.limits.closed_loop import Measured
from bench.processes import Server, cpu_seconds, python

GRACE_SECONDS: Final = 5.0
"""How long to wait for responses after the scheduled time of the last call."""
MAX_CONNECTIONS: Final = 256


class Plan(msgspec.Struct, frozen=True):
    """The calls to make, and when."""

    port: int
    call: Call
    rate: float
    seconds: float
    warm_up: float
    """Seconds at the start in which calls are not counted."""
    cores: tuple[int, ...]


class Figures(msgspec.Struct, frozen=True):
    """The results; times in ms from the scheduled time of each call."""

    answered: int
    failures: int
    p50: float
    p99: float
    p999: float
    worst: float
    late_p99: float
    """The p99 of the delay between the scheduled and the actual time, of calls that did not wait
    for the server: if it is high, this generator is the limit."""
    load_cores: float


def measure(
    server: Server,
    call: Call,
    *,
    rate: float,
    seconds: float,
    cores: tuple[int, ...],
    warm_up: float = 0.5,
) -> Measured:
    """Load a server at a rate, with the generator running on these cores."""
    pids = server.pids()
    plan = Plan(server.port, call, rate, seconds, warm_up, cores)
    began, used = time.monotonic(), cpu_seconds(pids)
    done = subprocess.run(
        python("-m", "bench.limits.open_loop"),
        input=msgspec.json.encode(plan),
        check=True,
        capture_output=True,
    )
    took, used = time.monotonic() - began, cpu_seconds(pids) - used
    figures = msgspec.json.decode(done.stdout, type=Figures)
    calls = max(rate * (seconds + warm_up), 1)
    return Measured(
        rps=figures.answered / seconds,
        p50=figures.p50,
        p99=figures.p99,
        worst=figures.worst,
        failures=figures.failures,
        cpu_us=used / calls * 1e6,
        server_cores=used / took,
        load_cores=figures.load_cores,
        late_p99=figures.late_p99,
    )


class _Connection:
    """A keep-alive connection with at most one call in progress."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.received = b""

    def response_complete(self) -> bool:
        """Read available bytes; return whether the response is complete.

        Raises OSError if the connection is closed early.
        """
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionResetError("closed before the response was complete")
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        start = head.lower().find(b"content-length:") + len(b"content-length:")
        end = head.find(b"\r", start)
        return len(body) >= int(head[start : end if end > 0 else None])


class OpenLoop:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._total = int(plan.rate * (plan.warm_up + plan.seconds))
        self._requests = [_request(plan.call, one) for one in plan.call.prepared(self._total)]
        self._free: deque[_Connection] = deque()
        self._open: dict[int, _Connection] = {}
        self._poll = select.epoll()
        self._latencies: list[float] = []
        self._late: list[float] = []
        self._failures = 0
        self._blocked_until = 0.0  # when all connections were last waiting for the server

    def run(self) -> Figures:
        """Send all calls, collect the responses, and return the figures."""
        plan = self._plan
        for _ in range(min(32, MAX_CONNECTIONS)):
            self._free.append(self._connect())
        cpu = time.process_time()
        began = time.perf_counter()
        total = self._total
        counted_from = began + plan.warm_up
        ends = began + plan.warm_up + plan.seconds + GRACE_SECONDS
        number = 0
        while number < total or len(self._free) < len(self._open):
            now = time.perf_counter()
            if now > ends:
                break
            while number < total and (due := began + number / plan.rate) <= now:
                connection = self._free_connection()
                if connection is None:
                    self._blocked_until = now
                    break
                self._send(connection, number, due, counted=due >= counted_from)
                number += 1
            next_due = began + number / plan.rate if number < total else now + 0.1
            self._wait(min(next_due, ends) - time.perf_counter())
            self._receive(counted_from)
        unanswered = total - number + len(self._open) - len(self._free)
        load_cores = (time.process_time() - cpu) / (time.perf_counter() - began)
        return self._figures(self._failures + unanswered, load_cores)

    def _figures(self, failures: int, load_cores: float) -> Figures:
        latencies, late = sorted(self._latencies), sorted(self._late)
        return Figures(
            answered=len(latencies),
            failures=failures,
            p50=_percentile(latencies, 0.5),
            p99=_percentile(latencies, 0.99),
            p999=_percentile(latencies, 0.999),
            worst=latencies[-1] * 1e3 if latencies else 0.0,
            late_p99=_percentile(late, 0.99),
            load_cores=load_cores,
        )

    def _connect(self) -> _Connection:
        connection = _Connection(self._plan.port)
        self._open[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def _free_connection(self) -> _Connection | None:
        if self._free:
            return self._free.popleft()
        return self._connect() if len(self._open) < MAX_CONNECTIONS else None

    def _send(self, connection: _Connection, number: int, due: float, *, counted: bool) -> None:
        connection.socket.send(self._requests[number])
        connection.due = due
        if counted and due > self._blocked_until:
            self._late.append(time.perf_counter() - due)

    def _wait(self, seconds: float) -> None:
        """Wait for bytes or until a timeout: polling without a pause would use Valkey's core.

        The timeout of epoll has a resolution of milliseconds, that of select of microseconds.
        """
        select.select([self._poll], [], [], max(seconds, 0.0))

    def _receive(self, counted_from: float) -> None:
        for number, _ in self._poll.poll(0):
            connection = self._open[number]
            try:
                complete = connection.response_complete()
            except OSError:
                self._failures += 1
                self._poll.unregister(number)
                del self._open[number]
                connection.socket.close()
                continue
            if not complete:
                continue
            if connection.due >= counted_from:
                self._latencies.append(time.perf_counter() - connection.due)
            if not connection.received.startswith(b"HTTP/1.1 2"):
                self._failures += 1
            connection.received = b""
            self._free.append(connection)


def _request(call: Call, prepared: Prepared) -> bytes:
    lines = [
        f"POST {call.path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(prepared.body)}",
    ]
    if call.signer is not None:
        lines += [
            f"X-API-KEY: {call.signer.api_key}",
            f"X-API-SIGN: {prepared.sign}",
            f"X-API-NONCE: {prepared.nonce}",
        ]
        if call.version == 2:
            lines.append("X-API-SIGN-VERSION: 2")
    if call.idempotent:
        lines.append(f"Idempotency-Key: {prepared.nonce}")
    return "\r\n".join([*lines, "", ""]).encode() + prepared.body


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3 if ordered else 0.0


def main() -> None:
    """Do what stdin says, and print what came of it."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    os.sched_setaffinity(0, plan.cores)
    loop = OpenLoop(plan)
    gc.disable()  # a collection would appear as an outlier of the server
    sys.stdout.buffer.write(msgspec.json.encode(loop.run()))


if __name__ == "__main__":
    main()
