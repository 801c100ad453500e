"""The memory of a worker under load for minutes: quotes, order reads, discovery and creates."""

import sys
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Final

from bench.calls import Call
from bench.limits import open_loop
from bench.limits.servers import Servers
from bench.report import Row

MEMORY: Final = "memory of a worker under load"
SAMPLE_SECONDS: Final = 1.0
TURN_SECONDS: Final = 4.0
LOAD_CORE: Final = (1,)


def watched(servers: Servers, *, minutes: float) -> Row:
    """Load a worker with each call in turn and return its resident memory, sampled every second."""
    ours = servers.ours()
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
            samples.append({"seconds": at, "megabytes": ours.resident_megabytes()})

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
    """Return the maximum number of pay-in addresses that the creates use."""
    return int(minutes * 60 * 200)


def maximum(row: Row) -> float:
    """Return the maximum memory in MB."""
    return max(row.values("megabytes"))


def growth_percent(row: Row) -> float:
    """Return the growth of the mean from the second to the last quarter; the first is warm-up."""
    samples = row.values("megabytes")
    quarter = max(len(samples) // 4, 1)
    second, last = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return (sum(last) / len(last) / (sum(second) / len(second)) - 1) * 100


def _in_turn(turns: list[tuple[Call, float]], until: float) -> Iterator[tuple[Call, float]]:
    while time.monotonic() < until:
        yield from turns
