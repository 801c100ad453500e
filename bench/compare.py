"""`python -m bench.compare A B`: changes between two results, and whether they are noise.

A and B are files, or commits with exactly one result of `bench.limits` in bench/results/.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.report import RESULTS, Report, Row, read

SAMPLES: Final = 2_000
FIGURES: Final = {"rps": "rps", "p50": "p50 ms", "p99": "p99 ms", "cpu_us": "CPU µs"}


class Change(msgspec.Struct, frozen=True):
    """The ratio of the medians of B and A, and the interval of 95 of 100 resampled ratios."""

    ratio: float
    low: float
    high: float

    def is_noise(self) -> bool:
        """Return whether the interval contains 1, so that there may be no change."""
        return self.low <= 1 <= self.high

    def __str__(self) -> str:
        """Return the cell of the table; a star marks a change that is more than noise."""
        return (
            f"{self.ratio:.2f} ({self.low:.2f}..{self.high:.2f}){' ' if self.is_noise() else '*'}"
        )


def change(before: Sequence[float], after: Sequence[float], *, seed: int = 1) -> Change | None:
    """Return the ratio of medians with its bootstrap interval (Efron 1979), or None."""
    if not before or not after or not statistics.median(before):
        return None
    generator = random.Random(seed)
    ratios = []
    for _ in range(SAMPLES):
        base = statistics.median(generator.choices(before, k=len(before)))
        if base:
            ratios.append(statistics.median(generator.choices(after, k=len(after))) / base)
    ratios.sort()
    return Change(
        statistics.median(after) / statistics.median(before),
        ratios[int(len(ratios) * 0.025)],
        ratios[int(len(ratios) * 0.975)],
    )


def over_base(report: Report, row: Row) -> list[float]:
    """Return the ratios of a row's rates to its base's by round: comparable across machines."""
    base = report.row(row.base) if row.base and row.base != row.name else None
    if base is None:
        return []
    pairs = zip(row.values("rps"), base.values("rps"), strict=False)
    return [rate / base_rate for rate, base_rate in pairs if base_rate]


def comparison(before: Report, after: Report) -> str:
    """Return the table of the rows that both reports have."""
    lines = [
        f"A: {before.commit} of {before.at}, {before.machine}",
        f"B: {after.commit} of {after.at}, {after.machine}",
        "",
    ]
    if before.machine != after.machine:
        lines += ["The machines differ: only `over base` is comparable.", ""]
    lines += [
        "B / A (95 % interval); * marks changes that are more than noise",
        "",
        f"| case | over base | {' | '.join(FIGURES.values())} |",
        f"|---|---|{'---|' * len(FIGURES)}",
    ]
    for row in before.rows:
        other = after.row(row.name)
        if other is None:
            continue
        changes = [change(over_base(before, row), over_base(after, other))]
        changes += [change(row.values(figure), other.values(figure)) for figure in FIGURES]
        lines.append(f"| {row.name} | {' | '.join(str(one) if one else '' for one in changes)} |")
    return "\n".join(lines)


def result(name: str) -> Report:
    """Return the report of a file or of a commit; raise ValueError if there is none."""
    path = Path(name)
    if not path.is_file():
        files = sorted(RESULTS.glob(f"limits-{name}*.json"))
        if len(files) != 1:
            available = ", ".join(sorted(path.name for path in RESULTS.glob("*.json")))
            raise ValueError(
                f"{name} is neither a file nor a commit with a result; available: {available}"
            )
        path = files[0]
    return read(path)


def main() -> None:
    """Compare two results and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", help="the earlier result: a file or a commit")
    parser.add_argument("b", help="the later result")
    options = parser.parse_args()
    try:
        print(comparison(result(options.a), result(options.b)))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
