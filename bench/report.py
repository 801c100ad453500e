"""What a run has found, as it is kept in bench/results/ and compared with other runs."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.machine import commit, machine

RESULTS: Final = Path(__file__).parent / "results"

Round = Mapping[str, float]
"""What one round has measured, by name: rps, p50, p99 and worst in ms, cpu_us, ..."""


class Row(msgspec.Struct, frozen=True):
    """A case and its figures, round by round; `base` names the row that it is compared with."""

    name: str
    group: str
    base: str | None
    rounds: Sequence[Round]

    def median(self, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(one.get(figure, 0.0) for one in self.rounds)

    def values(self, figure: str) -> list[float]:
        """Return a figure of every round that has it."""
        return [one[figure] for one in self.rounds if figure in one]


class Report(msgspec.Struct, frozen=True):
    """A run."""

    bench: str
    machine: str
    commit: str
    at: str
    options: Mapping[str, float | str]
    remarks: Sequence[str]
    rows: Sequence[Row]

    def row(self, name: str) -> Row | None:
        """Return a row by its name, or None."""
        return next((row for row in self.rows if row.name == name), None)

    def ratio(self, name: str, base: str, figure: str = "rps") -> float | None:
        """Return the median over rounds of a figure by the base's in the same round, or None.

        Rounds last seconds: what slows the machine for longer slows both alike.
        """
        one, other = self.row(name), self.row(base)
        if one is None or other is None:
            return None
        pairs = zip(one.values(figure), other.values(figure), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs if theirs]
        return statistics.median(ratios) if ratios else None


def report(
    bench: str,
    rows: Sequence[Row],
    *,
    options: Mapping[str, float | str],
    remarks: Sequence[str] = (),
) -> Report:
    """Return a run's report, with the machine's and the commit's name."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(bench, machine(), commit(), at, options, remarks, rows)


def keep(found: Report, path: Path | None = None) -> Path:
    """Write a report down, in bench/results/ unless told otherwise, and return where."""
    path = path or RESULTS / f"{found.bench}-{found.commit}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return path


def read(path: Path) -> Report:
    """Return a report that was kept; raise ValueError for anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is no result of a bench: {error}") from None


Cell = Callable[[Row], str]


def table(rows: Sequence[Row], columns: Mapping[str, Cell]) -> str:
    """Return a Markdown table of rows, aligned so that it reads well in a terminal too."""
    lines = [["what", *columns]]
    lines += [[row.name, *(cell(row) for cell in columns.values())] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    shown = [
        "| "
        + " | ".join(
            text.ljust(width) if index == 0 else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])
