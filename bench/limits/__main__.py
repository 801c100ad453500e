"""`python -m bench.limits`: all cases in turn over several rounds; medians, ratios and goals."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.limits import memory, plan
from bench.limits.closed_loop import Measured, WrkMissing, check_wrk
from bench.limits.goals import judged
from bench.limits.servers import Servers
from bench.report import Report, Row, report, save, table

QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
HALF = 0.5
FOREIGN_CORES = 0.1
LATE_MS = 1.0


def main() -> None:
    """Measure, and print and save the figures."""
    options = _options()
    try:
        check_wrk()
    except WrkMissing as missing:
        sys.exit(str(missing))
    result = _measured(options)
    print(shown(result))
    print(f"\nsaved as {save(result, options.out)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=4, help="of each load; whole seconds for wrk"
    )
    parser.add_argument("--only", default=",".join(plan.GROUPS), help="groups, separated by commas")
    parser.add_argument("--minutes", type=float, default=1, help="of load while memory is sampled")
    parser.add_argument("--quick", action="store_true", help="two rounds of one second")
    parser.add_argument("--data-dir", type=Path, help="an existing instance to measure with")
    parser.add_argument("--out", type=Path, help="output file; default: a file in bench/results/")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.minutes = QUICK_ROUNDS, QUICK_SECONDS, 0.5
    unknown = set(options.only.split(",")) - set(plan.GROUPS)
    if unknown:
        parser.error(f"no such groups: {', '.join(sorted(unknown))}")
    return options


def _measured(options: argparse.Namespace) -> Report:
    groups = set(options.only.split(","))
    with Servers(options.data_dir) as servers:
        servers.provide_addresses(
            plan.creates_expected(groups, rounds=options.rounds, seconds=options.seconds)
            + memory.creates_expected(options.minutes)
        )
        cases = plan.cases(servers, groups)
        for case in cases:
            case.measure(servers, seconds=1)
        rows = _rounds(servers, cases, options)
        if "open-loop" in groups:
            rows += _rounds(servers, _at_half_rate(servers, cases, rows), options)
        if "memory" in groups:
            rows.append(memory.watched(servers, minutes=options.minutes))
        return report(
            "limits",
            rows,
            options={
                "rounds": options.rounds,
                "seconds": options.seconds,
                "minutes": options.minutes,
                "groups": options.only,
            },
            remarks=plan.remarks(servers, groups),
        )


def _rounds(servers: Servers, cases: Sequence[plan.Case], options: argparse.Namespace) -> list[Row]:
    """Measure every case once per round, in reverse order in every second round."""
    measured: dict[str, list[Measured]] = {case.name: [] for case in cases}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for case in cases if number % 2 == 0 else reversed(cases):
            measured[case.name].append(case.measure(servers, seconds=options.seconds))
    return [
        Row(case.name, case.group, case.base, [_figures(one) for one in measured[case.name]])
        for case in cases
    ]


def _at_half_rate(
    servers: Servers, cases: Sequence[plan.Case], rows: Sequence[Row]
) -> list[plan.Case]:
    row = next((row for row in rows if row.name == plan.QUOTE_SIGNED), None)
    if row is not None:
        maximum = row.median("rps")
    else:
        server = servers.ours()
        quotes = plan.Case(plan.QUOTE_SIGNED, "quotes", server, servers.quote, None)
        maximum = quotes.measure(servers, seconds=2).rps
    return plan.open_loop(servers, list(cases), maximum * HALF)


def _figures(measured: Measured) -> dict[str, float]:
    figures = msgspec.structs.asdict(measured)
    return {name: round(value, 4) for name, value in figures.items() if value is not None}


def shown(result: Report) -> str:
    """Return the tables of a report: all cases, and the goals."""

    def over_base(row: Row) -> str:
        ratio = result.ratio(row.name, row.base) if row.base else None
        return f"{ratio:.2f}" if ratio is not None else ""

    def cores(row: Row) -> str:
        return f"{row.median('load_cores'):.2f}"

    rated = [row for row in result.rows if row.values("rps")]
    lines = [
        f"{result.machine}, commit {result.commit}, {len(result.rows[0].rounds)} rounds",
        "",
        table(
            rated,
            {
                "rps": lambda row: f"{row.median('rps'):,.0f}",
                "over base": over_base,
                "p50 ms": lambda row: f"{row.median('p50'):.2f}",
                "p99 ms": lambda row: f"{row.median('p99'):.2f}",
                "worst ms": lambda row: f"{max(row.values('worst')):.1f}",
                "CPU µs": lambda row: f"{row.median('cpu_us'):.1f}",
                "load cores": cores,
                "failures": lambda row: f"{sum(row.values('failures')):.0f}",
            },
        ),
        "",
        *(f"- {remark}" for remark in result.remarks),
    ]
    late = [row for row in rated if max(row.values("late_p99"), default=0) > LATE_MS]
    lines += [
        f"- The load generator was late for {row.name}: its p99 is unreliable" for row in late
    ]
    foreign = [row.name for row in rated if row.median("foreign_cores") > FOREIGN_CORES]
    if foreign:
        lines.append(f"- Other processes were busy, so these are unreliable: {', '.join(foreign)}")
    goals = list(judged(result))
    if goals:
        lines += ["", "| figure | result | target | reached |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(goal)} |" for goal in goals]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
