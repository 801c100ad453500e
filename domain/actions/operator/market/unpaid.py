"""Show and set the caps on unpaid orders: of each partner, of the swap page, and of a client."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.actions.operator.partners import OperatorPartnerRepository
from domain.errors import InvalidCommand
from domain.market.limits import parse_limit
from domain.market.unpaid import UnpaidCap, UnpaidScope, parse_order_cap
from domain.partners.partner import Partner


class UnpaidCapRepository(Protocol):
    """The caps on unpaid orders. Each method raises Unavailable."""

    async def caps(self) -> Sequence[UnpaidCap]:
        """Return the cap of each scope, set or not, and those of single partners."""

    async def set(
        self,
        scope: UnpaidScope,
        partner: Partner | None,
        usd: int | None,
        *,
        orders: int | None = None,
    ) -> None:
        """Set caps in 10^-18 USD and in orders, of one partner or of all; None removes one."""


class UnpaidPorts(msgspec.Struct, frozen=True):
    """What these actions need."""

    caps: UnpaidCapRepository
    partners: OperatorPartnerRepository


async def show_unpaid_caps(ports: UnpaidPorts) -> Sequence[UnpaidCap]:
    """Return the cap of each scope, set or not, and those of single partners."""
    return await ports.caps.caps()


async def set_unpaid_cap(
    ports: UnpaidPorts,
    scope: UnpaidScope,
    usd: str | None,
    *,
    orders: str | None = None,
    who: str | None = None,
) -> UnpaidCap:
    """Set caps in USD and in orders; `none` removes one, and None leaves it as it is.

    With `who`, an id or e-mail address, of one partner. Takes effect with the next order of every
    worker. Raises InvalidCommand and NotFound.
    """
    if who is not None and scope is not UnpaidScope.PARTNER:
        raise InvalidCommand(f"a cap of scope {scope} applies to no single partner")
    partner = None if who is None else await ports.partners.find(who)
    email = partner.email if partner else None
    stored = UnpaidCap(scope, None, email)
    for cap in await ports.caps.caps():
        if (cap.scope, cap.who) == (scope, email):
            stored = cap
    changed = UnpaidCap(
        scope,
        stored.cap_usd if usd is None else parse_limit(usd),
        email,
        cap_orders=stored.cap_orders if orders is None else parse_order_cap(orders),
    )
    await ports.caps.set(scope, partner, changed.cap_usd, orders=changed.cap_orders)
    return changed
