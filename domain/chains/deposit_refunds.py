"""Approved refunds of deposits that no order can use."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Asset
from domain.chains.outflows import BelowDustLimit, Outflow, OutflowKind


class DepositRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit and the address that it is sent back to; `id` is that of its proposal.

    `order_id` is the order whose address received it, None for a retired address; `received` is in
    smallest units of the asset.
    With `is_excess` that is the part of the order's deposits that exceeds its fixed rate's amount.
    """

    id: UUID
    order_id: UUID | None
    tx_id: str
    pay_in_address: str
    asset: Asset
    received: int
    address: str
    tag: str | None
    is_excess: bool = False

    def draft(self) -> Outflow:
        """Return the payment: what was received, less the asset's network fee.

        Raises BelowDustLimit if too little would remain.
        """
        problem = self.asset.refund_problem(self.received)
        if problem is not None:
            raise BelowDustLimit(problem)
        return Outflow(
            order_id=self.id,
            kind=OutflowKind.DEPOSIT_REFUND,
            asset=self.asset,
            address=self.address,
            tag=self.tag,
            amount=self.asset.refundable(self.received),
        )


class DepositRefundRepository(Protocol):
    """Approved refunds. Each method raises Unavailable."""

    async def due_refunds(
        self, network: str, *, at: datetime, limit: int
    ) -> Sequence[DepositRefund]:
        """Return approved refunds on a network without an outflow, oldest first.

        A refund whose deposit was dropped, or waits for its confirmation, is not due.
        """

    async def find_refund(self, refund_id: UUID) -> DepositRefund | None:
        """Return an approved refund."""

    async def create_refund(self, outflow: Outflow, *, usd: int, fee: str) -> bool:
        """Record the intention to send a refund; False if there is one, or the lease is lost.

        Raises OutflowDisabled and OutflowCapExceeded.
        """
