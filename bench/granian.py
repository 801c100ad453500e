"""`python -m bench.granian`: signed quotes under Granian's settings, one changed at a time."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bench.limits.closed_loop import Measured, WrkMissing, check_wrk
from bench.limits.plan import Case
from bench.limits.servers import Servers
from bench.processes import Server, free_port, python, running
from bench.report import Row, report, save, table
from gateway.http.connections.limits import SPARE
from gateway.instance import Role, settings_for
from gateway.server import BACKLOG
from gateway.settings import environment_of

CHOSEN: Final = {
    "--workers": "1",
    "--loop": "uvloop",
    "--http": "1",
    "--backlog": str(BACKLOG),
    "--backpressure": str(SPARE * 4096),
}
"""The settings of `swapgate serve`; all others are Granian's defaults."""
AS_CHOSEN: Final = "as `swapgate serve` has them"

CHANGES: Final[Mapping[str, Mapping[str, str]]] = {
    AS_CHOSEN: {},
    "2 workers, two cores": {"--workers": "2"},
    "the loop of asyncio": {"--loop": "asyncio"},
    "HTTP/1 and HTTP/2": {"--http": "auto"},
    "runtime in mode mt": {"--runtime-mode": "mt"},
    "runtime in mode st": {"--runtime-mode": "st"},
    "2 runtime threads": {"--runtime-mode": "mt", "--runtime-threads": "2"},
    "1 runtime blocking thread": {"--runtime-blocking-threads": "1"},
    "backlog 128": {"--backlog": "128"},
    "backpressure 64": {"--backpressure": "64"},
    "no SCHED_BATCH": {"SWAPGATE_BATCH_SCHEDULING": "false"},
}
"""Without `--task-impl rust`: the deadline for bodies cancels the task, which must be asyncio's."""


def main() -> None:
    """Measure all settings in turn, and print and save the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", help="names of settings, separated by commas")
    parser.add_argument("--out", type=Path, help="output file; default: a file in bench/results/")
    options = parser.parse_args()
    try:
        check_wrk()
    except WrkMissing as missing:
        sys.exit(str(missing))
    names = options.only.split(",") if options.only else list(CHANGES)
    rows = _rows([AS_CHOSEN, *(name for name in names if name != AS_CHOSEN)], options)
    result = report("granian", rows, options={"rounds": options.rounds, "seconds": options.seconds})
    print(f"{result.machine}, commit {result.commit}: signed /v1/price\n")
    print(
        table(
            rows,
            {
                "rps": lambda row: f"{row.median('rps'):,.0f}",
                "over chosen": lambda row: f"{result.ratio(row.name, AS_CHOSEN):.2f}",
                "p50 ms": lambda row: f"{row.median('p50'):.2f}",
                "p99 ms": lambda row: f"{row.median('p99'):.2f}",
                "CPU µs": lambda row: f"{row.median('cpu_us'):.1f}",
                "MB": lambda row: f"{row.median('megabytes'):.0f}",
                "failures": lambda row: f"{sum(row.values('failures')):.0f}",
            },
        )
    )
    print(f"\nsaved as {save(result, options.out)}")


def _rows(names: list[str], options: argparse.Namespace) -> list[Row]:
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with Servers() as servers, ExitStack() as stack:
        cases = {name: stack.enter_context(_started(servers, name)) for name in names}
        for case in cases.values():
            case.measure(servers, seconds=1)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for name, case in cases.items():
                figures = case.measure(servers, seconds=options.seconds)
                measured[name].append(_figures(figures, case.server))
    return [Row(name, "granian", AS_CHOSEN, rounds) for name, rounds in measured.items()]


def _figures(measured: Measured, server: Server) -> dict[str, float]:
    figures = msgspec.structs.asdict(measured)
    rounded = {name: round(value, 4) for name, value in figures.items() if value is not None}
    return {**rounded, "megabytes": round(server.resident_megabytes(), 1)}


@contextmanager
def _started(servers: Servers, name: str) -> Iterator[Case]:
    changed = CHANGES[name]
    flags = {**CHOSEN, **{flag: value for flag, value in changed.items() if flag[0] == "-"}}
    port = free_port()
    settings = settings_for(Role.GATEWAY, data_dir=servers.data_dir, environment={})
    argv = python("-m", "granian", "--interface", "asgi", "--factory", "--no-ws")
    argv += ["--port", str(port), "--log-level", "warning"]
    argv += [part for flag in flags.items() for part in flag] + ["gateway.worker:application"]
    with TemporaryDirectory(prefix="swapgate-bench-") as metrics:
        environment = {**environment_of(settings), "PROMETHEUS_MULTIPROC_DIR": metrics}
        environment |= {flag: value for flag, value in changed.items() if flag[0] != "-"}
        with running(argv, port, environment=environment, ready_at="/readyz") as server:
            shared = "two cores" in name
            yield Case(name, "granian", server, servers.quote, AS_CHOSEN, shared=shared)


if __name__ == "__main__":
    main()
