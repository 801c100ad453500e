"""What memory a worker holds while it is under load, for minutes: quotes, reads, creates, pages."""

import sys
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Final

from bench.calls import Call
from bench.limits import open_loop
from bench.limits.servers import Servers
from bench.processes import resident_megabytes
from bench.report import Row

MEMORY: Final = "memory of a worker under load"
SAMPLE_SECONDS: Final = 1.0
TURN_SECONDS: Final = 4.0
LOAD_CORE: Final = (1,)


def watched(servers: Servers, *, minutes: float) -> Row:
    """Load a worker by turns and return its resident memory, a sample a second."""
    ours = servers.ours()
    worker = max(ours.pids(), key=resident_megabytes)
    turns = [
        (servers.quote, 4_000.0),
        (servers.reads(ours.port), 800.0),
        (Call("/v1/pairs", [b"{}"]), 800.0),
        (servers.create, 200.0),
    ]
    samples: list[dict[str, float]] = []
    ended = Event()
    began = time.monotonic()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            at = round(time.monotonic() - began, 1)
            samples.append({"seconds": at, "megabytes": resident_megabytes(worker)})

    watcher = Thread(target=watch)
    watcher.start()
    try:
        for number, (call, rate) in enumerate(_in_turn(turns, began + minutes * 60)):
            if number % (4 * len(turns)) == 0:
                print(f"memory: {(time.monotonic() - began) / 60:.1f} min", file=sys.stderr)
            open_loop.measure(ours, call, rate=rate, seconds=TURN_SECONDS, cores=LOAD_CORE)
    finally:
        ended.set()
        watcher.join()
    return Row(MEMORY, "memory", None, samples)


def creates_expected(minutes: float) -> int:
    """Return how many pay-in addresses the creates may take."""
    return int(minutes * 60 * 200)


def most(row: Row) -> float:
    """Return the most that was held, in MB."""
    return max(row.values("megabytes"))


def growth_percent(row: Row) -> float:
    """Return by how much the last quarter's mean is above the second's: the first one warms up."""
    held = row.values("megabytes")
    quarter = max(len(held) // 4, 1)
    second, last = held[quarter : 2 * quarter] or held, held[-quarter:]
    return (sum(last) / len(last) / (sum(second) / len(second)) - 1) * 100


def _in_turn(turns: list[tuple[Call, float]], until: float) -> Iterator[tuple[Call, float]]:
    while time.monotonic() < until:
        yield from turns
