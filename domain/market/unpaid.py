"""Caps on orders without a deposit, by value and by number, so that nobody reserves everything."""

from enum import StrEnum
from typing import Final

import msgspec

from domain.errors import InvalidCommand
from domain.market.limits import NONE

MAX_ORDERS: Final = 1_000_000


class UnpaidScope(StrEnum):
    """Whose unpaid orders a cap counts together."""

    CLIENT = "client"
    """Those of the swap page that came from one client address."""
    PAGE = "page"
    """Those of the swap page."""
    PARTNER = "partner"
    """Those of one partner's signed calls."""


class UnpaidCap(msgspec.Struct, frozen=True):
    """Caps of a scope in 10^-18 USD and in orders, None without one, and what counts in them now.

    `who` is the e-mail address of the one partner that it applies to, None if it applies to all.
    `unpaid_usd` and `unpaid_orders` are the largest totals that it applies to.
    """

    scope: UnpaidScope
    cap_usd: int | None
    who: str | None = None
    unpaid_usd: int = 0
    cap_orders: int | None = None
    unpaid_orders: int = 0


def parse_order_cap(text: str) -> int | None:
    """Return a number of orders, or None for `none`; raise InvalidCommand."""
    if text == NONE:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_ORDERS):
        raise InvalidCommand(f"{text!r} is no number of orders up to {MAX_ORDERS}")
    return int(text)


def parse_scope(text: str) -> UnpaidScope:
    """Return a scope by its name; raise InvalidCommand."""
    try:
        return UnpaidScope(text)
    except ValueError:
        names = ", ".join(UnpaidScope)
        raise InvalidCommand(f"{text!r} is none of {names}") from None
