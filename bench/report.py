"""The result of a run, as it is stored in bench/results/ and compared with other runs."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.machine import commit, machine

P95: Final = 0.95
RESULTS: Final = Path(__file__).parent / "results"

Round = Mapping[str, float]
"""The figures of one round, by name: rps, p50, p99 and worst in ms, cpu_us, ..."""


class Row(msgspec.Struct, frozen=True):
    """A case and its figures by round; `base` is the name of the row that it is compared with."""

    name: str
    group: str
    base: str | None
    rounds: Sequence[Round]

    def median(self, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(one.get(figure, 0.0) for one in self.rounds)

    def values(self, figure: str) -> list[float]:
        """Return a figure from every round that has it."""
        return [one[figure] for one in self.rounds if figure in one]


class Report(msgspec.Struct, frozen=True):
    """The result of a run."""

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
        """Return the median of the ratios of a figure to the base's in the same round, or None.

        A round takes seconds, so that slower changes of the machine affect both alike.
        """
        row, base_row = self.row(name), self.row(base)
        if row is None or base_row is None:
            return None
        pairs = zip(row.values(figure), base_row.values(figure), strict=False)
        ratios = [value / base_value for value, base_value in pairs if base_value]
        return statistics.median(ratios) if ratios else None


def response_times(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return the p50, the p95 and the worst of the response times of a round, in ms."""
    ordered = sorted(milliseconds)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[int(len(ordered) * P95)], 3),
        "worst": round(ordered[-1], 3),
    }


def report(
    bench: str,
    rows: Sequence[Row],
    *,
    options: Mapping[str, float | str],
    remarks: Sequence[str] = (),
) -> Report:
    """Return the report of a run, with the names of machine and commit."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(bench, machine(), commit(), at, options, remarks, rows)


def save(result: Report, path: Path | None = None) -> Path:
    """Write a report, by default into bench/results/, and return its path."""
    path = path or RESULTS / f"{result.bench}-{result.commit}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def read(path: Path) -> Report:
    """Return a saved report; raise ValueError for any other file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is not a benchmark result: {error}") from None


Cell = Callable[[Row], str]


def table(rows: Sequence[Row], columns: Mapping[str, Cell]) -> str:
    """Return a Markdown table of rows, aligned for terminals."""
    lines = [["case", *columns]]
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
