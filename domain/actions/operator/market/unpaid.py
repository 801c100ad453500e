"""Show and set the caps on unpaid orders: of each partner, of the swap page, and of a client."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.actions.operator.partners import OperatorPartnerRepository
from domain.errors import InvalidRequest
from domain.market.limits import parse_limit
from domain.market.unpaid import UnpaidCap, UnpaidScope
from domain.partners.partner import Partner


class UnpaidCapRepository(Protocol):
    """The caps on unpaid orders. Each method raises Unavailable."""

    async def caps(self) -> Sequence[UnpaidCap]:
        """Return the cap of each scope, set or not, and those of single partners."""

    async def set(self, scope: UnpaidScope, partner: Partner | None, usd: int | None) -> None:
        """Set a cap in 10^-18 USD, of one partner or of all; None removes it."""


class UnpaidPorts(msgspec.Struct, frozen=True):
    """What these actions need."""

    caps: UnpaidCapRepository
    partners: OperatorPartnerRepository


async def show_unpaid_caps(ports: UnpaidPorts) -> Sequence[UnpaidCap]:
    """Return the cap of each scope, set or not, and those of single partners."""
    return await ports.caps.caps()


async def set_unpaid_cap(
    ports: UnpaidPorts, scope: UnpaidScope, usd: str, *, who: str | None = None
) -> UnpaidCap:
    """Set a cap in USD; `none` removes it. With `who`, an id or e-mail address, of one partner.

    Takes effect with the next order of every worker. Raises InvalidRequest and NotFound.
    """
    if who is not None and scope is not UnpaidScope.PARTNER:
        raise InvalidRequest(f"a cap of scope {scope} applies to no single partner")
    partner = None if who is None else await ports.partners.find(who)
    cap_usd = parse_limit(usd)
    await ports.caps.set(scope, partner, cap_usd)
    return UnpaidCap(scope, cap_usd, partner.email if partner else None)
