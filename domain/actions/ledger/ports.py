"""What the actions on earnings need from the outside, as Protocols."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.ledger.payout_details import PayoutDetails
from domain.ledger.payouts import Closing, Earnings
from domain.market.ports import Market
from domain.webhooks.events import Event


class EarningsRepository(Protocol):
    """Where partners' earnings are kept: sums of the ledger, and closings."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return a partner's account as it is now; raise NotFound."""

    async def payout(self, partner_id: UUID, reference: str) -> Closing | None:
        """Return the partner's payout of this reference, or None."""

    async def close(self, closing: Closing, event: Event) -> bool:
        """Store a closing, its postings and, where the partner subscribes to it, its event.

        All of it or nothing: False where another closing of the partner came first, or one with
        the same reference.
        """


class LedgerPorts(msgspec.Struct, frozen=True):
    """What paying out and clearing partners' earnings needs."""

    clock: Clock
    accounts: EarningsRepository
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
