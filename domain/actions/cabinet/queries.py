"""Read ports of the cabinet's pages, as Protocols, and the bundle of them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Catalogue
from domain.ledger.earnings import Earnings
from domain.ledger.periods import EarningsPeriod
from domain.ledger.statistics import DayFigures
from domain.orders.query import PAGE, ListedOrder, OrderFilter, OrderPage
from domain.partners.codes import ListedCode
from domain.partners.partner import Partner
from domain.webhooks.delivery_log import EventDetails
from domain.webhooks.health import EndpointHealth


class OrderQueries(Protocol):
    """A partner's orders, without deleted ones. Every method raises Unavailable."""

    async def page(
        self,
        partner_id: UUID,
        filters: OrderFilter,
        *,
        older_than: UUID | None = None,
        newer_than: UUID | None = None,
        limit: int = PAGE,
    ) -> OrderPage:
        """Return the newest matching orders, or those adjacent to an order, newest first."""

    async def count_newer(self, partner_id: UUID, filters: OrderFilter, than: UUID) -> int:
        """Return how many matching orders are newer than an order, at most a hundred."""

    async def by_ids(self, partner_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, ListedOrder]:
        """Return the orders with these ids that belong to the partner."""

    async def find(self, partner_id: UUID, order_id: UUID) -> ListedOrder:
        """Return an order; raise NotFound."""

    async def events(self, partner_id: UUID, order_id: UUID) -> Sequence[EventDetails]:
        """Return the webhook events of an order with all their attempts, oldest first."""

    async def code_id(self, partner_id: UUID, code: str) -> UUID | None:
        """Return the id of one of the partner's codes, or None."""

    async def awaiting_choice(self, partner_id: UUID, *, limit: int) -> Sequence[UUID]:
        """Return the oldest orders in EMERGENCY for which no choice was made."""


class EarningsQueries(Protocol):
    """A partner's earnings and payouts. Every method raises Unavailable."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return the partner's current account."""

    async def periods(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[EarningsPeriod]:
        """Return the newest periods, newest first, starting with the current one."""


class WeightUsed(msgspec.Struct, frozen=True):
    """Weight admitted in the last 60 seconds, and when the oldest of it is freed."""

    used: int
    free_in_ms: int


class CabinetQueries(msgspec.Struct, frozen=True, kw_only=True):
    """Read ports of the cabinet's pages."""

    catalogue: Callable[[], Catalogue]
    orders: OrderQueries
    earnings: EarningsQueries
    partner: Callable[[UUID], Awaitable[Partner]]
    codes: Callable[[UUID], Awaitable[Sequence[ListedCode]]]
    days: Callable[[UUID, date], Awaitable[Sequence[DayFigures]]]
    weight_used: Callable[[UUID], Awaitable[WeightUsed]]
    webhooks: Callable[[UUID], Awaitable[EndpointHealth]]
