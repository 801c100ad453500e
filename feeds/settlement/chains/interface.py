"""What settlement asks of a chain's node and of a hot wallet, whatever the chain."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.chains.transfers import Found, Outflow, Transfer
from domain.errors import Unavailable


class NodeUnavailable(Unavailable):
    """A node doesn't answer, or not in a way that can be understood."""


class NodeRejected(Unavailable):
    """A node answers that it won't do what was asked. `code` is JSON-RPC's."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code


class Signed(msgspec.Struct, frozen=True):
    """A signed transaction in hex, ready to be broadcast, and its id."""

    raw: str
    tx_id: str


class Node(Protocol):
    """One node. All of it raises NodeUnavailable and NodeRejected."""

    async def height(self) -> int:
        """Return the height of the newest block."""

    async def block_hash(self, height: int) -> str | None:
        """Return the hash of the block at a height, or None where there is none."""

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """Return all that a block moves of the assets we know."""

    async def pending(self) -> Sequence[Transfer]:
        """Return what has come to the node's mempool since it was last asked."""

    async def look_up(self, tx_id: str, address: str, asset: str) -> Found | None:
        """Return what a transaction brings to an address, if it is in the chain or on its way."""

    async def close(self) -> None:
        """Close the connection."""


class Wallet(Protocol):
    """A hot wallet. All of it raises NodeUnavailable and NodeRejected."""

    async def prepare(self, outflow: Outflow) -> int | None:
        """Make sure that it can be paid, as far as can be told; return the node's next nonce."""

    async def reserve(self, unfinished: Sequence[Outflow]) -> None:
        """Keep what signed transactions spend from being chosen again."""

    async def sign(self, outflow: Outflow) -> Signed:
        """Sign a transaction that pays exactly this; nothing is broadcast."""

    async def raise_fee(self, outflow: Outflow, stuck: str) -> Signed:
        """Sign one with a higher fee that pays the same and can't be mined beside `stuck`, its id.

        Raises NodeUnavailable where the fee would be above what is allowed.
        """

    async def broadcast(self, signed: Signed) -> None:
        """Have the transaction be on its way; fine where it is already, or in a block."""

    async def is_known(self, tx_id: str) -> bool:
        """Tell whether the node has the transaction, in a block or not."""

    async def depth(self, tx_id: str) -> int:
        """Return how many blocks deep it is; 0 for none."""

    async def is_spent_from(self, tx_id: str) -> bool:
        """Tell whether another transaction on its way spends what this one leaves behind."""

    async def has_paid(self, tx_id: str) -> bool:
        """Tell whether what a block took has moved money: one that fails uses up its nonce only."""
