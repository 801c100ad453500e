"""A reference code: a partner's name for one source of traffic, with a markup of its own."""

import re
import unicodedata
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest

CODE_PATTERN: Final = r"^[A-Za-z0-9_-]{4,32}$"
MAX_LABEL_LENGTH: Final = 64
MAX_LISTED: Final = 100

_CODE = re.compile(r"[A-Za-z0-9_-]{4,32}", re.ASCII)
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, halves of surrogate pairs, separators of lines and paragraphs."""


class Code(msgspec.Struct, frozen=True):
    """A reference code. `markup_bps` of None means: the partner's default applies."""

    id: UUID
    code: str
    markup_bps: int | None
    enabled: bool


class OwnCode(msgspec.Struct, frozen=True):
    """A reference code as its owner sees it."""

    id: UUID
    code: str
    label: str | None
    markup_bps: int | None
    enabled: bool
    created_at: datetime


class CodeStatistics(msgspec.Struct, frozen=True):
    """What a code has brought, in 10^-18 USD.

    `orders` opened with it, also those their users have deleted; the value of its completed ones,
    and the markup they have earned, at the prices of their completion.
    """

    orders: int = 0
    volume_usd: int = 0
    earnings_usd: int = 0


class ListedCode(msgspec.Struct, frozen=True):
    """A code and its statistics."""

    code: OwnCode
    statistics: CodeStatistics


class CodeRoom(msgspec.Struct, frozen=True):
    """How many codes a partner has, disabled ones counted, and may have; and its own markup."""

    codes: int
    most: int
    markup_bps: int


def is_code(text: str) -> bool:
    """Tell whether `text` has the shape of a code: 4 to 32 letters, digits, `_` and `-`."""
    return _CODE.fullmatch(text) is not None


def checked_code(text: str) -> str:
    """Return a name that a code may have; raise InvalidRequest."""
    if not is_code(text):
        raise InvalidRequest("a code is 4 to 32 letters, digits, underscores and hyphens")
    return text


def checked_label(text: str | None) -> str | None:
    """Return a label of up to 64 characters as it is, None for a blank one; raise InvalidRequest.

    Characters that don't show in one line of text are refused.
    """
    if text is None:
        return None
    if len(text) > MAX_LABEL_LENGTH:
        raise InvalidRequest(f"a label has up to {MAX_LABEL_LENGTH} characters")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise InvalidRequest("a label has no control characters")
    return text if text.strip() else None
