"""CSV files that spreadsheets never interpret as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

FORMULA: Final = frozenset("=+-@\t\r\n\uff0b\uff0d\uff1d\uff20")
"""First characters of cells that spreadsheets evaluate, including full-width forms (OWASP)."""


def csv_bytes(lines: Iterable[Sequence[object]]) -> bytes:
    """Return lines as CSV (RFC 4180) in UTF-8. None is an empty cell."""
    written = io.StringIO()
    csv.writer(written).writerows([[safe(cell) for cell in line] for line in lines])
    return written.getvalue().encode()


def safe(cell: object) -> str:
    """Return a cell's text, with an apostrophe in front of what could be a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in FORMULA or text.lstrip()[:1] in FORMULA else text
