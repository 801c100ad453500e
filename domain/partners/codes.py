"""Referral codes: a partner's name for one source of traffic, optionally with its own markup."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason
from domain.text import checked_text

CODE_PATTERN: Final = r"^[A-Za-z0-9_-]{4,32}$"
MAX_LABEL_LENGTH: Final = 64
MAX_LISTED: Final = 100

_CODE = re.compile(r"[A-Za-z0-9_-]{4,32}", re.ASCII)


class Code(msgspec.Struct, frozen=True):
    """A referral code. Without `markup_bps` the partner's default markup applies."""

    id: UUID
    code: str
    markup_bps: int | None
    enabled: bool


class OwnCode(msgspec.Struct, frozen=True):
    """A referral code as its owner sees it."""

    id: UUID
    code: str
    label: str | None
    markup_bps: int | None
    enabled: bool
    created_at: datetime


class CodeStatistics(msgspec.Struct, frozen=True):
    """A code's figures, in 10^-18 USD.

    `orders` counts all orders created with the code, including deleted ones. Volume and earnings
    (markup) are those of completed orders, at the prices of their completion.
    """

    orders: int = 0
    volume_usd: int = 0
    earnings_usd: int = 0


class ListedCode(msgspec.Struct, frozen=True):
    """A code and its statistics."""

    code: OwnCode
    statistics: CodeStatistics


class CodeQuota(msgspec.Struct, frozen=True):
    """How many codes a partner has, including disabled ones, and may have; its default markup."""

    codes: int
    max_codes: int
    markup_bps: int


def is_code(text: str) -> bool:
    """Return whether `text` is a well-formed code: 4 to 32 letters, digits, `_` and `-`."""
    return _CODE.fullmatch(text) is not None


def checked_code(text: str) -> str:
    """Return a well-formed code; raise InvalidRequest for any other text."""
    if not is_code(text):
        raise InvalidRequest(
            "a code has 4 to 32 letters, digits, underscores and hyphens",
            field="code",
            reason=Reason.FORMAT,
        )
    return text


def checked_label(text: str | None) -> str | None:
    """Return a label of up to 64 characters, None for a blank one; raise InvalidRequest.

    Spaces around it are kept: it is returned as it was sent.
    """
    if text is None:
        return None
    try:
        is_blank = not checked_text(text, what="a label", limit=MAX_LABEL_LENGTH, required=False)
    except InvalidRequest as error:
        error.name_field("label")
        raise
    return None if is_blank else text
