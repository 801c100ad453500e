"""Texts that others chose, such as nodes and contracts, in a form that can be stored and shown."""

from typing import Final

MAX_TEXT_LENGTH: Final = 200


def printable(text: str, *, limit: int | None = MAX_TEXT_LENGTH) -> str:
    """Return at most `limit` characters of a text, with a question mark for what is not printable.

    PostgreSQL stores no NUL and no surrogates; control characters could forge lines of a log or
    change a terminal.
    """
    return "".join(one if one.isprintable() else "?" for one in text[:limit])
