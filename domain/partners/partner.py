"""A partner: who may call, at what markup, where its events go, and what may be set of it."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.partners.codes import Code
from domain.partners.ip_allowlist import Network
from domain.partners.weights import DEFAULT_BUDGET, WEIGHTS
from domain.webhooks.events import EventType
from domain.webhooks.subscriptions import DEFAULT_EVENTS
from domain.webhooks.urls import validate_webhook_url

DEFAULT_PARTNER_ID = UUID(int=1)
"""The operator's own partner, which orders without a referrer belong to: without credentials."""

MAX_MARKUP_BPS = 2_000
MAX_BASE_FEE_SHARE_BPS = 10_000
MIN_BUDGET = max(WEIGHTS.values())
"""A smaller one would never admit the heaviest call."""
MAX_BUDGET = 10_000_000
DEFAULT_MAX_CODES = 50
MAX_CODES = 10_000
MAX_NAME_LENGTH = 100

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


class PartnerChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a partner's settings; None stays as it is, an empty URL removes it."""

    enabled: bool | None = None
    webhook_url: str | None = None
    webhook_events: frozenset[EventType] | None = None
    standard_webhooks: bool | None = None
    markup_bps: int | None = None
    base_fee_share_bps: int | None = None
    budget: int | None = None
    max_codes: int | None = None


class PartnerAccess(msgspec.Struct, frozen=True):
    """What authentication needs of a partner; `api_secret` is None where it can't be decrypted.

    `generation` counts how often its secrets have been replaced.
    """

    id: UUID
    enabled: bool
    api_key: str
    api_secret: str | None
    generation: int
    markup_bps: int
    budget: int
    codes: Mapping[str, Code]
    networks: tuple[Network, ...] | None = None
    """From where it may call; None for anywhere."""

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


def checked_name(text: str) -> str:
    """Return a partner's name: 1 to 100 printable characters, trimmed."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidRequest(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    return name


def checked_change(change: PartnerChange, *, insecure_webhooks: bool) -> PartnerChange:
    """Return `change` where a partner's settings may be so; raise InvalidRequest for the first not.

    `insecure_webhooks` lets events go to plain http.
    """
    if change == PartnerChange():
        raise InvalidRequest("there is nothing to change")
    if change.webhook_url:
        validate_webhook_url(change.webhook_url, insecure_allowed=insecure_webhooks)
    if change.markup_bps is not None:
        checked_markup(change.markup_bps)
    for what, value, least, most in (
        ("base fee share", change.base_fee_share_bps, 0, MAX_BASE_FEE_SHARE_BPS),
        ("weight budget", change.budget, MIN_BUDGET, MAX_BUDGET),
        ("cap on codes", change.max_codes, 0, MAX_CODES),
    ):
        if value is not None and not least <= value <= most:
            raise InvalidRequest(f"a {what} of {value} is not in {least}..{most}")
    return change


def applied_markup(requested_bps: int | None, code: Code | None, default_bps: int) -> int:
    """Return the markup that applies: the call's own, else the code's, else the partner's."""
    if requested_bps is not None:
        return checked_markup(requested_bps)
    if code is not None and code.markup_bps is not None:
        return code.markup_bps
    return default_bps
