"""A partner: who may call, at what markup, and where its events go."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from domain.codes import Code
from domain.errors import InvalidRequest
from domain.webhooks import DEFAULT_EVENTS, EventType
from domain.weights import DEFAULT_BUDGET

MAX_MARKUP_BPS = 2_000
DEFAULT_MAX_CODES = 50

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


class Partner(msgspec.Struct, frozen=True):
    """An API customer, without its secrets."""

    id: UUID
    email: str
    name: str
    enabled: bool
    api_key: str
    webhook_url: str | None = None
    webhook_events: frozenset[EventType] = DEFAULT_EVENTS
    standard_webhooks: bool = False
    markup_bps: int = 0
    base_fee_share_bps: int = 0
    budget: int = DEFAULT_BUDGET
    max_codes: int = DEFAULT_MAX_CODES


class PartnerAccess(msgspec.Struct, frozen=True):
    """What authentication needs of a partner; `api_secret` is None where it can't be decrypted."""

    id: UUID
    enabled: bool
    api_key: str
    api_secret: str | None
    markup_bps: int
    budget: int
    codes: Mapping[str, Code]

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"PartnerAccess(id={self.id})"


def checked_email(text: str) -> str:
    """Return an e-mail address as partners are known by: trimmed, lower case."""
    email = text.strip().lower()
    if _EMAIL.fullmatch(email) is None:
        raise InvalidRequest(f"{text!r} is not an e-mail address")
    return email


def checked_markup(markup_bps: int) -> int:
    """Return a markup in 0..2000 basis points; it is never clamped."""
    if not 0 <= markup_bps <= MAX_MARKUP_BPS:
        raise InvalidRequest(f"a markup of {markup_bps} bps is not in 0..{MAX_MARKUP_BPS}")
    return markup_bps


def applied_markup(requested_bps: int | None, code: Code | None, default_bps: int) -> int:
    """Return the markup that applies: the call's own, else the code's, else the partner's."""
    if requested_bps is not None:
        return checked_markup(requested_bps)
    if code is not None and code.markup_bps is not None:
        return code.markup_bps
    return default_bps
