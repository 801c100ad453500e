"""Texts that others chose: labels and names that are checked, and messages that are cleaned."""

import unicodedata
from typing import Final

from domain.errors import InvalidRequest
from domain.reasons import Reason

MAX_TEXT_LENGTH: Final = 200

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, formats such as bidirectional controls (UAX 9, 2), surrogates, line
and paragraph separators."""
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Marks and letters that are shown as nothing (Unicode, Default_Ignorable_Code_Point)."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""They join parts of emoji and letters of Persian and Indic scripts, and nothing in ASCII."""


def has_hidden(text: str) -> bool:
    """Return whether a text has characters that are not shown, or that reorder what is shown.

    With them two labels look the same, or one reads as something else than it is.
    """
    return any(
        unicodedata.category(one) in _HIDDEN_CATEGORIES or one in _BLANK_LETTERS
        for index, one in enumerate(text)
        if not _is_joining(text, index)
    )


def _is_joining(text: str, index: int) -> bool:
    if text[index] not in _JOINERS or not 0 < index < len(text) - 1:
        return False
    joined = text[index - 1], text[index + 1]
    return not any(
        one.isascii() or unicodedata.category(one) in _HIDDEN_CATEGORIES for one in joined
    )


def checked_text(text: str, *, what: str, limit: int, required: bool = True) -> str:
    """Return a free text of a person, trimmed: of 1 to `limit` characters, all of them visible.

    If it is not `required`, it may be empty. Raises InvalidRequest, which names the text by `what`.
    """
    if has_hidden(text):
        raise InvalidRequest(
            f"{what} contains a control or invisible character: type it instead of copying it",
            reason=Reason.FORMAT,
        )
    stripped = text.strip()
    if len(text) > limit or (required and not stripped):
        raise InvalidRequest(
            f"{what} has {1 if required else 0} to {limit} printable characters",
            reason=Reason.LENGTH,
        )
    return stripped


def printable(text: str, *, limit: int | None = MAX_TEXT_LENGTH) -> str:
    """Return at most `limit` characters of a text, with a question mark for what is not printable.

    PostgreSQL stores no NUL and no surrogates; control characters could forge lines of a log or
    change a terminal.
    """
    return "".join(one if one.isprintable() else "?" for one in text[:limit])
