"""Caps on what orders without a deposit are worth together, so that nobody reserves everything."""

from enum import StrEnum

import msgspec

from domain.errors import InvalidRequest


class UnpaidScope(StrEnum):
    """Whose unpaid orders a cap counts together."""

    CLIENT = "client"
    """Those of the swap page that came from one client address."""
    PAGE = "page"
    """Those of the swap page."""
    PARTNER = "partner"
    """Those of one partner's signed calls."""


class UnpaidCap(msgspec.Struct, frozen=True):
    """A cap in 10^-18 USD, None without one, and what counts in it now.

    `who` is the e-mail address of the one partner that it applies to, None if it applies to all.
    `unpaid_usd` is the largest total that it applies to.
    """

    scope: UnpaidScope
    cap_usd: int | None
    who: str | None = None
    unpaid_usd: int = 0


def parse_scope(text: str) -> UnpaidScope:
    """Return a scope by its name; raise InvalidRequest."""
    try:
        return UnpaidScope(text)
    except ValueError:
        names = ", ".join(UnpaidScope)
        raise InvalidRequest(f"{text!r} is none of {names}") from None
