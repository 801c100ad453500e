"""Partners: their settings, the limits of these, and the markup that applies to a call."""

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from domain.errors import InvalidCommand, InvalidRequest
from domain.partners.codes import Code
from domain.partners.ip_allowlist import Network
from domain.partners.scopes import Scope
from domain.partners.weights import DEFAULT_BUDGET, WEIGHTS
from domain.reasons import Reason
from domain.text import checked_text, has_hidden
from domain.webhooks.events import EventType
from domain.webhooks.subscriptions import DEFAULT_EVENTS
from domain.webhooks.urls import validate_webhook_url

DEFAULT_PARTNER_ID = UUID(int=1)
"""The partner of orders that nobody referred. It has no credentials."""
ALL_PARTNERS = UUID(int=0)
"""Stands for all partners together where the newest revision of any of them is meant."""

MAX_MARKUP_BPS = 2_000
MAX_BASE_FEE_SHARE_BPS = 10_000
MIN_BUDGET = max(WEIGHTS.values())
"""A smaller budget would never admit the heaviest call."""
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
    """The oldest of its keys that is not revoked."""
    webhook_url: str | None = None
    webhook_events: frozenset[EventType] = DEFAULT_EVENTS
    standard_webhooks: bool = False
    markup_bps: int = 0
    base_fee_share_bps: int = 0
    budget: int = DEFAULT_BUDGET
    max_codes: int = DEFAULT_MAX_CODES


class PartnerChange(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of a partner's settings: None leaves a setting unchanged, an empty URL removes it."""

    enabled: bool | None = None
    webhook_url: str | None = None
    webhook_events: frozenset[EventType] | None = None
    standard_webhooks: bool | None = None
    markup_bps: int | None = None
    base_fee_share_bps: int | None = None
    budget: int | None = None
    max_codes: int | None = None


class PartnerAccess(msgspec.Struct, frozen=True):
    """The record of an API key and its partner for authentication.

    `api_secret` is None if it cannot be decrypted or if the key is revoked. `generation` counts the
    rotations of the key's secret and of the partner's webhookSecret; `revision` grows with every
    change of the partner.
    """

    id: UUID
    key_id: UUID
    enabled: bool
    api_key: str
    api_secret: str | None
    previous_secret: str | None
    """The secret before the last rotation."""
    previous_until: float
    """Unix seconds until which it is valid."""
    scope: Scope
    generation: int
    revision: int
    markup_bps: int
    budget: int
    codes: Mapping[str, Code]
    networks: tuple[Network, ...] | None = None
    """The IP allowlist; None allows any address."""
    signature_v2_only: bool = False
    signature_v2_used: bool = False

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"PartnerAccess(id={self.id})"


def checked_email(text: str) -> str:
    """Return an e-mail address, trimmed and in lower case; raise InvalidCommand."""
    email = text.strip().lower()
    if _EMAIL.fullmatch(email) is None or has_hidden(email):
        raise InvalidCommand(f"{text!r} is not an e-mail address")
    return email


def checked_markup(markup_bps: int) -> int:
    """Return a markup of 0 to 2000 basis points unchanged; raise InvalidRequest."""
    if not 0 <= markup_bps <= MAX_MARKUP_BPS:
        raise InvalidRequest(
            f"a markup of {markup_bps} bps is not in 0..{MAX_MARKUP_BPS}",
            field="afftaxBps",
            reason=Reason.RANGE,
        )
    return markup_bps


def checked_name(text: str) -> str:
    """Return a partner's name, trimmed: 1 to 100 visible characters; raise InvalidRequest."""
    return checked_text(text, what="a name", limit=MAX_NAME_LENGTH)


def checked_change(change: PartnerChange, *, insecure_webhooks: bool) -> PartnerChange:
    """Return `change` unchanged; raise InvalidCommand for the first invalid setting.

    `insecure_webhooks` allows webhook URLs with plain http.
    """
    if change == PartnerChange():
        raise InvalidCommand("there is nothing to change")
    if change.webhook_url:
        validate_webhook_url(change.webhook_url, insecure_allowed=insecure_webhooks)
    if change.markup_bps is not None:
        checked_markup(change.markup_bps)
    for setting, value, minimum, maximum in (
        ("base fee share", change.base_fee_share_bps, 0, MAX_BASE_FEE_SHARE_BPS),
        ("weight budget", change.budget, MIN_BUDGET, MAX_BUDGET),
        ("cap on codes", change.max_codes, 0, MAX_CODES),
    ):
        if value is not None and not minimum <= value <= maximum:
            raise InvalidCommand(f"a {setting} of {value} is not in {minimum}..{maximum}")
    return change


def applied_markup(requested_bps: int | None, code: Code | None, default_bps: int) -> int:
    """Return the markup that applies: the call's own, else the code's, else the partner's."""
    if requested_bps is not None:
        return checked_markup(requested_bps)
    if code is not None and code.markup_bps is not None:
        return code.markup_bps
    return default_bps
