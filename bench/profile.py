"""`python -m bench.profile`: CPU profile of a signed quote by layer, and a flame graph."""

import argparse
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.limits.closed_loop import measure
from bench.limits.servers import Servers
from bench.machine import commit, machine

BUILD: Final = Path(__file__).parents[1] / ".build" / "profile"
RATE: Final = 500
CONNECTIONS: Final = 32

LAYERS: Final[Mapping[str, tuple[str, ...]]] = {
    "ASGI middleware: head, body, sending": (
        "gateway/asgi",
        "gateway/http/body",
        "gateway/http/head",
        "gateway/http/direct",
        "asyncio/tasks",
    ),
    "admission through Valkey": ("persistence/valkey/", "valkey/"),
    "signature and authentication": (
        *("gateway/api/authentication", "gateway/api/partner_cache", "domain/partners/"),
    ),
    "decoding": ("gateway/codec",),
    "pricing": ("domain/", "gateway/runtime/market", "gateway/runtime/clock"),
    "encoding the response": ("gateway/api/quotes/",),
    "the endpoint and its dispatcher": (
        *("gateway/api/", "gateway/http/", "gateway/runtime/metrics"),
    ),
    "watching rates, rendering feeds": (
        *("persistence/postgres/", "gateway/runtime/watchers", "gateway/pages/rate_feeds"),
        *("feeds/", "gzip"),
    ),
    "Granian's callbacks": ("granian/_futures", "granian/asgi"),
    "the event loop, and waiting for the interpreter": ("granian/server",),
}
"""A sample counts for the layer of its innermost function; the rest is "other"."""

IDLE: Final = "_worker (concurrent/futures/"
"""A pool thread that waits for work, which py-spy reports as busy."""


def main() -> None:
    """Load one worker with signed quotes, sample its stacks, and print the shares of the layers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    pyspy = Path(sys.executable).with_name("py-spy")
    if not pyspy.exists():
        sys.exit("py-spy is required: `make .venv/.dev` installs it")
    BUILD.mkdir(parents=True, exist_ok=True)
    with Servers() as servers:
        worker = servers.ours()
        worker.pin(0)
        load = threading.Thread(
            target=measure,
            args=(worker, servers.quote),
            kwargs={"seconds": 2 * options.seconds + 4, "connections": CONNECTIONS, "cores": (1,)},
        )
        load.start()
        stacks = _record(pyspy, worker.pids()[-1], "raw", options.seconds)
        graph = _record(pyspy, worker.pids()[-1], "flamegraph", options.seconds)
        load.join()
    print(f"{machine()}, commit {commit()}: the worker's Python thread under signed quotes\n")
    print("| layer | share of samples |\n|---|---|")
    for layer, share in _shares(stacks.read_text()).items():
        print(f"| {layer} | {share:.0%} |")
    print(f"\nflame graph: {graph}")


def _record(pyspy: Path, pid: int, form: str, seconds: int) -> Path:
    path = BUILD / f"quote-{commit()}.{'svg' if form == 'flamegraph' else 'txt'}"
    argv = [str(pyspy), "record", "--pid", str(pid), "--duration", str(seconds)]
    argv += ["--rate", str(RATE), "--format", form, "--output", str(path)]
    subprocess.run(argv, check=True, capture_output=True)
    return path


def _shares(stacks: str) -> dict[str, float]:
    """Return the share of each layer in the folded stacks of py-spy, largest first."""
    samples: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        function = stack.rpartition(";")[2]
        if function and not function.startswith(IDLE):
            samples[_layer(function)] += int(count)
    total = samples.total()
    return {layer: count / total for layer, count in samples.most_common()}


def _layer(function: str) -> str:
    file = function.partition("(")[2]
    for layer, prefixes in LAYERS.items():
        if file.startswith(prefixes):
            return layer
    return "other"


if __name__ == "__main__":
    main()
