"""Print results: one JSON document, or tables that fit the terminal."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 10_000
"""In a pipe every row stays on one line, so that `grep` finds it whole."""

GAP = 2
"""Columns of blank space between two columns of a table."""

Row = dict[str, Any]


def show(
    document: object,
    *,
    as_json: bool,
    table: object = None,
    narrow: Sequence[str] = (),
) -> None:
    """Print `document` as JSON; or, for people, `table` if given and else the document.

    A list of dicts becomes a table with a row each, a dict a table of names and values; msgspec
    structs of either are converted. A list that is too wide for the terminal is reduced to its
    `narrow` columns; if it is still too wide, each row is printed as names and values.
    """
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
        sys.stdout.buffer.flush()
        return
    console = _console()
    content = msgspec.to_builtins(document if table is None else table)
    if isinstance(content, list):
        _print_rows(console, content, narrow)
    else:
        console.print(_fields(content))


def _console() -> Console:
    """Return a console as wide as the terminal, or as COLUMNS says if that is set."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=PIPE_WIDTH)


def _print_rows(console: Console, rows: list[Row], narrow: Sequence[str]) -> None:
    if not rows:
        console.print("none")
        return
    table = _table(rows, console.width)
    if table is not None:
        console.print(table)
        return
    reduced = [{name: row[name] for name in narrow if name in row} for row in rows]
    table = _table(reduced, console.width) if narrow else None
    if table is not None:
        console.print(table)
        hidden = ", ".join(name for name in rows[0] if name not in narrow)
        console.print(
            f"Not shown at this width: {hidden}. --json has everything.", style="dim", markup=False
        )
        return
    for row in rows:
        console.print(_fields(row), "")


def _table(rows: list[Row], width: int) -> Table | None:
    """Return a table of at most `width` that breaks no word; None if there is none."""
    cells = [[_cell(value) for value in row.values()] for row in rows]
    columns = list(zip([Text(name) for name in rows[0]], *cells, strict=True))
    widths = _column_widths(columns, width - GAP * (len(columns) - 1))
    if widths is None:
        return None
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for (heading, *_), column_width in zip(columns, widths, strict=True):
        table.add_column(heading, width=column_width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def _column_widths(columns: Sequence[Sequence[Text]], available: int) -> list[int] | None:
    """Return the columns' widths: their longest words, then what is left, to the first ones."""
    least = [
        max(cell_len(word) for cell in column for word in cell.plain.split(" "))
        for column in columns
    ]
    spare = available - sum(least)
    if spare < 0:
        return None
    widths = []
    for column, least_width in zip(columns, least, strict=True):
        extra = min(spare, max(cell_len(cell.plain) for cell in column) - least_width)
        widths.append(least_width + extra)
        spare -= extra
    return widths


def _fields(fields: Row) -> Table:
    table = Table("name", "value", box=None, show_header=False, pad_edge=False)
    table.columns[1].overflow = "fold"
    for name, value in _flat(fields):
        table.add_row(Text(name), _cell(value))
    return table


def _flat(fields: Row, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _cell(value: object) -> Text:
    """Return a cell's text, which is never parsed as markup: partners choose their names."""
    if value is None:
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)) or "-")
    return Text(str(value))
