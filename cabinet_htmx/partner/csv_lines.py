"""CSV that spreadsheets read as text and numbers, and never as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

FORMULA: Final = frozenset("=+-@\t\r\n\uff0b\uff0d\uff1d\uff20")
"""What a cell begins with that a spreadsheet would compute (full-width forms included)."""


def csv_bytes(lines: Iterable[Sequence[object]]) -> bytes:
    """Return lines as CSV (RFC 4180) in UTF-8. None is an empty cell."""
    written = io.StringIO()
    csv.writer(written).writerows([[safe(cell) for cell in line] for line in lines])
    return written.getvalue().encode()


def safe(cell: object) -> str:
    """Return a cell's text; an apostrophe before it keeps what isn't meant to be computed."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in FORMULA or text.lstrip()[:1] in FORMULA else text
