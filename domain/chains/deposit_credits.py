"""Requests of operators to credit deposits that no scan of blocks detects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.chains.transfers import Transfer


class DepositCredit(msgspec.Struct, frozen=True, kw_only=True):
    """A request to credit what a transaction brought to a pay-in address by internal transfers.

    It states no amount: settlement credits what the nodes prove, or rejects it, once.
    """

    id: UUID
    network: str
    tx_id: str
    address: str
    asset: str
    order_id: UUID
    reason: str
    requested_by: str
    requested_at: datetime


class DepositCreditRepository(Protocol):
    """Requested credits, as settlement decides them. Each method raises Unavailable."""

    async def pending_credits(self, network: str) -> Sequence[DepositCredit]:
        """Return the requests that are not decided, oldest first."""

    async def mark_credited(self, credit: DepositCredit, transfer: Transfer) -> None:
        """Record that a proven transfer is recorded as a deposit; a decided one is unchanged."""

    async def reject_credit(self, credit: DepositCredit, why: str) -> None:
        """Record why a request cannot be credited; a decided one is unchanged."""
