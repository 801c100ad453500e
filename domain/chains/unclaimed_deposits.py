"""Deposits that no order can use: of another asset, too small to count, or to retired addresses."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from domain.chains.transfers import Transfer


class UnclaimedDepositRepository(Protocol):
    """Unclaimed deposits, by transaction, address and asset. Raises Unavailable."""

    async def add_unclaimed(self, network: str, transfer: Transfer, order_id: UUID | None) -> None:
        """Record a transfer that its order cannot use, for the operator; again if it was dropped.

        It is not confirmed yet. `order_id` is None for a retired address.
        """

    async def is_unclaimed(self, network: str, transfer: Transfer) -> bool:
        """Return whether a transfer is recorded, dropped or not."""

    async def unconfirmed_unclaimed(self, network: str) -> Sequence[Transfer]:
        """Return the unclaimed deposits that are neither confirmed nor dropped."""

    async def confirm_unclaimed(self, network: str, transfer: Transfer) -> None:
        """Record that a transfer, of this amount, is deep enough in its chain."""

    async def unconfirm_unclaimed(self, network: str, transfer: Transfer) -> bool:
        """Record that a transfer has to be confirmed again; False if it is not recorded."""

    async def drop_unclaimed(self, network: str, transfer: Transfer) -> None:
        """Record that a transfer is neither in its chain nor pending any more."""
