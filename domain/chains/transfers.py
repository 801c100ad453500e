"""What settlement observes on chains."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec


class Transfer(msgspec.Struct, frozen=True, order=True):
    """What a transaction transfers to an address, in smallest units of the asset."""

    tx_id: str
    address: str
    asset: str
    amount: int


class PendingTransfers(msgspec.Struct, frozen=True):
    """What entered a mempool; `is_complete` if nothing more of it is left to be read."""

    transfers: Sequence[Transfer]
    is_complete: bool


class ObservedTransfer(msgspec.Struct, frozen=True):
    """What a node reports of a known transfer; `height` is its block's, None while pending."""

    height: int | None
    amount: int

    def confirmations(self, *, at: int) -> int:
        """Return how many its block and those on it are, at a chain's height; 0 while pending."""
        return 0 if self.height is None else max(at - self.height + 1, 0)

    def is_deep(self, blocks: int, *, at: int) -> bool:
        """Return whether it is in a block and has at least so many confirmations."""
        return self.height is not None and self.confirmations(at=at) >= blocks


class Block(msgspec.Struct, frozen=True):
    """A block whose transfers were processed."""

    height: int
    hash: str


class ExpectedDeposit(msgspec.Struct, frozen=True):
    """The order that a pay-in address is assigned to, and the asset it expects.

    Both are None for a retired address: what it receives is for the operator.
    `is_released` if the address is free again: the order is the last that had it. `earlier_amounts`
    is None unless other orders had the address before; it contains what those of the same asset
    were to pay.
    """

    order_id: UUID | None
    asset: str | None
    is_released: bool = False
    earlier_amounts: Collection[int] | None = None


class ConnectedAsset(msgspec.Struct, frozen=True):
    """Whether settlement detects deposits of an asset, and whether it can pay it out."""

    code: str
    receives: bool
    sends: bool
