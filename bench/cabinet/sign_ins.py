"""`python -m bench.cabinet.sign_ins`: response times of the API during a burst of sign-ins.

Rounds alternate between signed quotes alone, and the same quotes while 50 sign-ins with wrong
passwords arrive at once, each from another address. The quotes are an open loop, so that time spent
waiting for the server counts.
"""

import argparse
import socket
import threading
from collections import Counter
from http.client import HTTPResponse
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from bench.limits.open_loop import measure
from bench.limits.plan import BOTH
from bench.limits.servers import Servers
from bench.processes import Server
from bench.report import Report, Row, report, save

SIGN_INS: Final = 50
STARTS_AFTER: Final = 1.0
"""Seconds from the start of a round to the burst: by then the quotes are under way."""
QUIET: Final = "signed quotes"
BURST: Final = "signed quotes during 50 sign-ins"


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=200, help="quotes per second")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="output file; default: a file in bench/results/")
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {QUIET: [], BURST: []}
    with Servers() as servers:
        server = servers.ours(workers=options.workers)
        for number in range(options.rounds):
            for name, figures in rounds.items():
                burst = _Burst(server, number) if name == BURST else None
                measured = measure(
                    server, servers.quote, rate=options.rate, seconds=options.seconds, cores=BOTH
                )
                figure = {"p50": measured.p50, "p99": measured.p99, "worst": measured.worst}
                figures.append(figure | (burst.outcome() if burst else {}))
    rows = [
        Row(name, "sign-ins", QUIET if name == BURST else None, figures)
        for name, figures in rounds.items()
    ]
    shown = {"rate": options.rate, "workers": float(options.workers), "rounds": options.rounds}
    result = report("sign-ins", rows, options=shown)
    print(_described(result))
    print(f"\nsaved as {save(result, options.out)}")


class _Burst:
    """Sign-ins that are sent at once, over connections that were opened before.

    One thread sends them all, so that they take little of the processor that the servers share.
    """

    def __init__(self, server: Server, number: int) -> None:
        self._sockets = [self._connect(server.port, number, n) for n in range(SIGN_INS)]
        self._requests = [_request(server.port, number, n) for n in range(SIGN_INS)]
        self._sent = threading.Event()
        threading.Timer(STARTS_AFTER, self._send).start()

    def outcome(self) -> dict[str, float]:
        """Return how many sign-ins got each status."""
        self._sent.wait()
        statuses = Counter(self._status(one) for one in self._sockets)
        return {f"status {status}": float(count) for status, count in statuses.items()}

    def _connect(self, port: int, number: int, n: int) -> socket.socket:
        source = (f"127.0.{number + 1}.{n + 1}", 0)
        return socket.create_connection(("127.0.0.1", port), timeout=60, source_address=source)

    def _send(self) -> None:
        for connection, request in zip(self._sockets, self._requests, strict=True):
            connection.sendall(request)
        self._sent.set()

    def _status(self, connection: socket.socket) -> int:
        with connection:
            response = HTTPResponse(connection)
            response.begin()
            return response.status


def _request(port: int, number: int, n: int) -> bytes:
    form = urlencode({"email": f"nobody-{number}-{n}@example.org", "password": "wrong"})
    lines = (
        "POST /partner/login HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Sec-Fetch-Site: same-origin",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + form).encode()


def _described(result: Report) -> str:
    lines = []
    for row in result.rows:
        statuses = sorted({name for one in row.rounds for name in one if name.startswith("status")})
        counts = ", ".join(f"{name}: {row.median(name):.0f}" for name in statuses)
        lines.append(
            f"{row.name:<36} p50 {row.median('p50'):6.2f} ms   p99 {row.median('p99'):6.2f} ms"
            f"   worst {row.median('worst'):6.2f} ms   {counts}"
        )
    ratio = result.ratio(BURST, QUIET, "p99")
    lines.append(f"p99 during the burst: {ratio:.2f} times the p99 without it (median of rounds)")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
