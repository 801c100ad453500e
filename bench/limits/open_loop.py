"""An open loop: calls are due at a steady rate, whatever has become of those before them.

Each is timed from the moment it was due, so waiting for a free connection counts: nothing is left
out because the server was slow (coordinated omission). `python -m bench.limits.open_loop` takes its
orders as JSON on stdin and gives its figures as JSON on stdout: a process of its own, to be pinned.
"""

import gc
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from itertools import cycle
from secrets import token_hex
from typing import Final

import msgspec

from bench.calls import Call
from bench.limits.closed_loop import Measured
from bench.processes import Server, cpu_seconds, python

GRACE_SECONDS: Final = 5.0
"""How long answers are waited for after the last call was due."""
MAX_CONNECTIONS: Final = 256


class Order(msgspec.Struct, frozen=True):
    """What to do."""

    port: int
    call: Call
    rate: float
    seconds: float
    warm_up: float
    """How many seconds of the first calls aren't counted."""
    cores: tuple[int, ...]


class Found(msgspec.Struct, frozen=True):
    """What came of it: times in ms from when each call was due."""

    answered: int
    failures: int
    p50: float
    p99: float
    p999: float
    worst: float
    late_p99: float
    """How long after it was due a call was sent, at worst 1 in 100, of those that no slow answers
    held up: more than a little says that this generator, not the server, is the limit."""
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
    """Load a server at a rate from these cores."""
    pids = server.pids()
    order = Order(server.port, call, rate, seconds, warm_up, cores)
    began, used = time.monotonic(), cpu_seconds(pids)
    done = subprocess.run(
        python("-m", "bench.limits.open_loop"),
        input=msgspec.json.encode(order),
        check=True,
        capture_output=True,
    )
    took, used = time.monotonic() - began, cpu_seconds(pids) - used
    found = msgspec.json.decode(done.stdout, type=Found)
    everything = max(rate * (seconds + warm_up), 1)
    return Measured(
        rps=found.answered / seconds,
        p50=found.p50,
        p99=found.p99,
        worst=found.worst,
        failures=found.failures,
        cpu_us=used / everything * 1e6,
        server_cores=used / took,
        load_cores=found.load_cores,
        late_p99=found.late_p99,
    )


class _Connection:
    """A keep-alive connection with at most one call under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.received = b""

    def whole_answer(self) -> bool:
        """Read what has come; tell whether that is all of it. Raises OSError at an early end."""
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionResetError("closed before the answer was whole")
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        start = head.lower().find(b"content-length:") + len(b"content-length:")
        end = head.find(b"\r", start)
        return len(body) >= int(head[start : end if end > 0 else None])


class OpenLoop:
    """One run of an order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._templates = cycle([_template(order.call, body) for body in order.call.bodies])
        self._prefix = token_hex(8).encode()
        self._sent = 0
        self._free: deque[_Connection] = deque()
        self._open: dict[int, _Connection] = {}
        self._poll = select.epoll()
        self._took: list[float] = []
        self._late: list[float] = []
        self._failures = 0
        self._held_up_until = 0.0  # when last all connections were waiting for the server

    def run(self) -> Found:
        """Send all calls, gather the answers, and return the figures."""
        order = self._order
        for _ in range(min(32, MAX_CONNECTIONS)):
            self._free.append(self._connect())
        cpu = time.process_time()
        began = time.perf_counter()
        total = int(order.rate * (order.warm_up + order.seconds))
        counted_from = began + order.warm_up
        ends = began + order.warm_up + order.seconds + GRACE_SECONDS
        number = 0
        while number < total or len(self._free) < len(self._open):
            now = time.perf_counter()
            if now > ends:
                break
            while number < total and (due := began + number / order.rate) <= now:
                connection = self._a_free_one()
                if connection is None:
                    self._held_up_until = now
                    break
                self._send(connection, due, counted=due >= counted_from)
                number += 1
            next_due = began + number / order.rate if number < total else now + 0.1
            self._wait(min(next_due, ends) - time.perf_counter())
            self._receive(counted_from)
        unanswered = total - number + len(self._open) - len(self._free)
        load_cores = (time.process_time() - cpu) / (time.perf_counter() - began)
        return self._found(self._failures + unanswered, load_cores)

    def _found(self, failures: int, load_cores: float) -> Found:
        took, late = sorted(self._took), sorted(self._late)
        return Found(
            answered=len(took),
            failures=failures,
            p50=_percentile(took, 0.5),
            p99=_percentile(took, 0.99),
            p999=_percentile(took, 0.999),
            worst=took[-1] * 1e3 if took else 0.0,
            late_p99=_percentile(late, 0.99),
            load_cores=load_cores,
        )

    def _connect(self) -> _Connection:
        connection = _Connection(self._order.port)
        self._open[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def _a_free_one(self) -> _Connection | None:
        if self._free:
            return self._free.popleft()
        return self._connect() if len(self._open) < MAX_CONNECTIONS else None

    def _send(self, connection: _Connection, due: float, *, counted: bool) -> None:
        self._sent += 1
        parts = next(self._templates)
        connection.socket.send((self._prefix + b"%010d" % self._sent).join(parts))
        connection.due = due
        if counted and due > self._held_up_until:
            self._late.append(time.perf_counter() - due)

    def _wait(self, seconds: float) -> None:
        """Sleep until something has come, or for so long: spinning would take Valkey's core.

        epoll's own timeout counts in milliseconds, select's in microseconds.
        """
        select.select([self._poll], [], [], max(seconds, 0.0))

    def _receive(self, counted_from: float) -> None:
        for number, _ in self._poll.poll(0):
            connection = self._open[number]
            try:
                whole = connection.whole_answer()
            except OSError:
                self._failures += 1
                self._poll.unregister(number)
                del self._open[number]
                connection.socket.close()
                continue
            if not whole:
                continue
            if connection.due >= counted_from:
                self._took.append(time.perf_counter() - connection.due)
            if not connection.received.startswith(b"HTTP/1.1 2"):
                self._failures += 1
            connection.received = b""
            self._free.append(connection)


def _template(call: Call, body: bytes) -> list[bytes]:
    """Return a request's bytes in pieces: a fresh nonce goes between each two."""
    lines = [
        f"POST {call.path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if call.signer is not None:
        lines += [
            f"X-API-KEY: {call.signer.api_key}",
            f"X-API-SIGN: {call.signer.sign(body)}",
            "X-API-NONCE: \0",
        ]
    if call.idempotent:
        lines.append("Idempotency-Key: \0")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return [*head.split(b"\0")[:-1], head.split(b"\0")[-1] + body]


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3 if ordered else 0.0


def main() -> None:
    """Do what stdin says, and print what came of it."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    os.sched_setaffinity(0, order.cores)
    loop = OpenLoop(order)
    gc.disable()  # a collection would look like an outlier of the server's
    sys.stdout.buffer.write(msgspec.json.encode(loop.run()))


if __name__ == "__main__":
    main()
