"""`python -m bench.limits`: everything in turn, several rounds, medians, ratios to bare Granian."""

import argparse
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from bench.limits.load import Measured, WrkMissing, measure
from bench.limits.servers import comparison, ours

RESULTS = Path(__file__).parents[1] / "results"
BASE = "bare Granian ASGI"


def main() -> None:
    """Measure, print the table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    try:
        rounds = _measured(options.rounds, options.seconds, options.connections)
    except WrkMissing as missing:
        sys.exit(str(missing))
    print(_table(rounds))
    _keep(rounds)


def _measured(rounds: int, seconds: int, connections: int) -> Mapping[str, list[Measured]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="swapgate-bench-")))
        targets = [
            stack.enter_context(comparison(BASE, "bare", batch=False)),
            stack.enter_context(comparison(f"{BASE}, SCHED_BATCH", "bare", batch=True)),
            stack.enter_context(comparison("BlackSheep echo, SCHED_BATCH", "echo", batch=True)),
            stack.enter_context(ours(directory / "data")),
        ]
        for target in targets:
            measure(target, seconds=1, connections=connections)
        measured: dict[str, list[Measured]] = {target.name: [] for target in targets}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for target in targets:
                found = measure(target, seconds=seconds, connections=connections)
                measured[target.name].append(found)
        return measured


def _table(rounds: Mapping[str, list[Measured]]) -> str:
    base = statistics.median(one.rps for one in rounds[BASE])
    lines = [
        f"{_machine()}, commit {_commit()}, {len(rounds[BASE])} rounds",
        "",
        "| what | rps | ratio | p50 ms | p99 ms | failures |",
        "|---|---|---|---|---|---|",
    ]
    for name, measured in rounds.items():
        rps = statistics.median(one.rps for one in measured)
        p50 = statistics.median(one.p50_ms for one in measured)
        p99 = statistics.median(one.p99_ms for one in measured)
        failures = sum(one.failures for one in measured)
        lines.append(
            f"| {name} | {rps:,.0f} | {rps / base:.2f} | {p50:.2f} | {p99:.2f} | {failures} |"
        )
    return "\n".join(lines)


def _keep(rounds: Mapping[str, list[Measured]]) -> None:
    document = {
        "bench": "limits",
        "machine": _machine(),
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": {
            name: [{"rps": one.rps, "p50": one.p50_ms, "p99": one.p99_ms} for one in measured]
            for name, measured in rounds.items()
        },
    }
    path = RESULTS / f"limits-{_commit()}.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _machine() -> str:
    return f"{platform.machine()}, Python {platform.python_version()}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or "unknown"


main()
