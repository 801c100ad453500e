"""What the cabinet's pages read, as Protocols, and the bundle of it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Catalogue
from domain.ledger.payouts import Closing, Earnings, Period
from domain.ledger.statistics import DayFigures
from domain.orders.query import PAGE, ListedOrder, OrderFilter, OrderPage
from domain.partners.codes import ListedCode
from domain.partners.partner import Partner
from domain.webhooks.delivery_log import EventDetails
from domain.webhooks.health import EndpointHealth


class OrderQueries(Protocol):
    """A partner's orders without those that were deleted. All of it raises Unavailable."""

    async def page(
        self,
        partner_id: UUID,
        wanted: OrderFilter,
        *,
        older_than: UUID | None = None,
        newer_than: UUID | None = None,
        limit: int = PAGE,
    ) -> OrderPage:
        """Return the newest orders that fit, or those next to an order, newest first."""

    async def newer(self, partner_id: UUID, wanted: OrderFilter, than: UUID) -> int:
        """Return how many orders that fit are newer than one, up to a hundred."""

    async def some(self, partner_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, ListedOrder]:
        """Return those of these orders that are the partner's."""

    async def one(self, partner_id: UUID, order_id: UUID) -> ListedOrder:
        """Return an order; raise NotFound."""

    async def events(self, partner_id: UUID, order_id: UUID) -> Sequence[EventDetails]:
        """Return the webhook events of an order with all their attempts, oldest first."""

    async def code_id(self, partner_id: UUID, code: str) -> UUID | None:
        """Return the id of a code of the partner's, or None."""

    async def awaiting_choice(self, partner_id: UUID, *, limit: int) -> Sequence[UUID]:
        """Return the oldest orders in EMERGENCY that nothing was chosen for."""


class EarningsQueries(Protocol):
    """What a partner has earned and was paid. All of it raises Unavailable."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return the account as it stands."""

    async def payouts(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[Closing]:
        """Return the newest payouts, newest first."""

    async def periods(
        self, partner_id: UUID, *, limit: int, before: int | None = None
    ) -> Sequence[Period]:
        """Return the newest periods, newest first, beginning with the one that goes on."""


class WeightUsed(msgspec.Struct, frozen=True):
    """Weight admitted within the last 60 seconds, and after how long the oldest of it is free."""

    used: int
    free_in_ms: int


class CabinetQueries(msgspec.Struct, frozen=True, kw_only=True):
    """What the cabinet's pages read."""

    catalogue: Callable[[], Catalogue]
    orders: OrderQueries
    accounts: EarningsQueries
    partner: Callable[[UUID], Awaitable[Partner]]
    codes: Callable[[UUID], Awaitable[Sequence[ListedCode]]]
    days: Callable[[UUID, date], Awaitable[Sequence[DayFigures]]]
    weight_used: Callable[[UUID], Awaitable[WeightUsed]]
    webhooks: Callable[[UUID], Awaitable[EndpointHealth]]
