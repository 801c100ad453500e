"""Ports of the actions on earnings and payout details."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.ledger.earnings import Earnings
from domain.ledger.payout_details import PayoutDetails
from domain.ledger.payouts import EarningsReset, Payout
from domain.market.ports import Market
from domain.webhooks.events import Event


class EarningsRepository(Protocol):
    """Partners' earnings, payouts and resets. Every method raises Unavailable."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return a partner's current earnings; raise NotFound."""

    async def payout(self, partner_id: UUID, reference: str) -> Payout | None:
        """Return the partner's payout with this reference, or None."""

    async def end_period(self, end: Payout | EarningsReset, event: Event) -> bool:
        """Store a payout or reset, its postings and, if the partner subscribes to it, its event.

        Atomic. Returns False, without any change, if the partner's period of this number has ended
        already, or if the reference is in use.
        """


class LedgerPorts(msgspec.Struct, frozen=True):
    """Ports of the actions that end earnings periods."""

    clock: Clock
    repository: EarningsRepository
    new_id: Callable[[], UUID]


class PayoutDetailsRepository(Protocol):
    """Payout details of partners. Every method raises Unavailable."""

    async def history(self, partner_id: UUID) -> Sequence[PayoutDetails]:
        """Return the newest details that were requested, those not canceled first."""

    async def request(self, partner_id: UUID, details: PayoutDetails, event: Event) -> bool:
        """Store details and their event, replacing pending ones; False without such a partner.

        The time of the request must be now, by the store's clock.
        """

    async def cancel(
        self, partner_id: UUID, details_id: UUID, email: str, *, at: datetime, event: Event
    ) -> bool:
        """Cancel pending details and store the event; False if they are not pending."""


class PayoutDetailsPorts(msgspec.Struct, frozen=True):
    """Ports for changing payout details."""

    clock: Clock
    market: Market
    repository: PayoutDetailsRepository
    new_id: Callable[[], UUID]
