"""The table of settings in docs/operations.md: `make settings` writes it, `--check` compares it."""

import sys
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, Meta

from gateway.declaration import declarations, text_of
from gateway.settings import Settings

PATH: Final = Path(__file__).parents[1] / "docs" / "operations.md"
BEGIN: Final = "[//]: # (begin settings: written by `make settings`)\n"
END: Final = "[//]: # (end settings)\n"
"""Markdown's form of a comment that is not shown: a reference that nothing refers to."""


def settings_table() -> str:
    """Return the settings as a Markdown table, in the order of their declaration."""
    rows = [_row(*declared) for declared in declarations(Settings)]
    return "\n".join(["| variable | purpose | default | read by |", "|---|---|---|---|", *rows, ""])


def with_table(document: str) -> str:
    """Return a document with the current table between its marks; raise ValueError without them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no marks for the table of settings")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the table or, with --check, compare it; return the exit status."""
    current = PATH.read_text()
    expected = with_table(current)
    if arguments == ["--check"]:
        if current == expected:
            return 0
        sys.stderr.write(f"{PATH.name} doesn't match the settings: run `make settings`\n")
        return 1
    PATH.write_text(expected)
    return 0


def _row(field: msgspec.structs.FieldInfo, meta: Meta, about: dict[str, Any]) -> str:
    cells = (f"`{field.encode_name}`", str(meta.description), _default(field, about))
    return f"| {' | '.join([*cells, about['read by']])} |"


def _default(field: msgspec.structs.FieldInfo, about: dict[str, Any]) -> str:
    if field.default is NODEFAULT:
        return "required"
    text = f"{field.default:g}" if isinstance(field.default, float) else text_of(field.default)
    return f"`{text}` {about['unit']}".rstrip() if text else about["empty default"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
