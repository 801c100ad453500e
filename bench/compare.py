"""`python -m bench.compare A B`: what has changed between two results, and whether that is noise.

A and B are files, or commits that bench/results/ has one result of `bench.limits` of.
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
    """B's figure by A's: of the medians, and where 95 of 100 resampled ratios lie between."""

    ratio: float
    low: float
    high: float

    def is_noise(self) -> bool:
        """Tell whether there may be no change at all."""
        return self.low <= 1 <= self.high

    def __str__(self) -> str:
        """Return it for the table; a change that is more than noise has a star."""
        return (
            f"{self.ratio:.2f} ({self.low:.2f}..{self.high:.2f}){' ' if self.is_noise() else '*'}"
        )


def change(before: Sequence[float], after: Sequence[float], *, seed: int = 1) -> Change | None:
    """Return the ratio of medians with its bounds, by the bootstrap (Efron 1979); None for none."""
    if not before or not after or not statistics.median(before):
        return None
    chance = random.Random(seed)
    ratios = []
    for _ in range(SAMPLES):
        base = statistics.median(chance.choices(before, k=len(before)))
        if base:
            ratios.append(statistics.median(chance.choices(after, k=len(after))) / base)
    ratios.sort()
    return Change(
        statistics.median(after) / statistics.median(before),
        ratios[int(len(ratios) * 0.025)],
        ratios[int(len(ratios) * 0.975)],
    )


def over_base(found: Report, row: Row) -> list[float]:
    """Return a row's rates by its base's, round by round: these compare across machines."""
    base = found.row(row.base) if row.base and row.base != row.name else None
    if base is None:
        return []
    pairs = zip(row.values("rps"), base.values("rps"), strict=False)
    return [mine / theirs for mine, theirs in pairs if theirs]


def comparison(before: Report, after: Report) -> str:
    """Return the table of all rows that both have."""
    lines = [
        f"A: {before.commit} of {before.at}, {before.machine}",
        f"B: {after.commit} of {after.at}, {after.machine}",
        "",
    ]
    if before.machine != after.machine:
        lines += ["The machines differ: only `over base` compares.", ""]
    lines += [
        "B / A (95 % of it between); * where that is more than noise",
        "",
        f"| what | over base | {' | '.join(FIGURES.values())} |",
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


def result(named: str) -> Report:
    """Return the report of a file or of a commit; raise ValueError where there is none."""
    path = Path(named)
    if not path.is_file():
        found = sorted(RESULTS.glob(f"limits-{named}*.json"))
        if len(found) != 1:
            have = ", ".join(sorted(path.name for path in RESULTS.glob("*.json")))
            raise ValueError(f"{named} is no file and no commit with a result; there are {have}")
        path = found[0]
    return read(path)


def main() -> None:
    """Compare two results and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", help="the result before: a file or a commit")
    parser.add_argument("b", help="the result after")
    options = parser.parse_args()
    try:
        print(comparison(result(options.a), result(options.b)))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
