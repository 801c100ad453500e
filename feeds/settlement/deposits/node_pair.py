"""Two nodes of one chain, which must report the same."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from domain.chains.transfers import ObservedTransfer, PendingTransfers, Transfer
from domain.text import printable
from feeds.settlement.chains.interface import Node

T = TypeVar("T")


class NodeDisagreement(Exception):
    """Two nodes reported different contents of the very same block or transaction."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class NodePair:
    """Calls both nodes at once. All methods raise NodeUnavailable, NodeRejected and WrongChain.

    The first is the operator's own; payouts are sent through it. Each node proves which chain it
    follows before its first call, and again after one that failed.
    """

    def __init__(self, own: Node, second: Node) -> None:
        self._own = own
        self._second = second

    async def check_identity(self, *, again: bool = False) -> None:
        """Raise WrongChain unless both nodes follow the declared chain; see Node."""
        await self._own.check_identity(again=again)
        await self._second.check_identity(again=again)

    async def heights(self) -> tuple[int, int]:
        """Return both nodes' heights."""
        return await self._both(lambda node: node.height())

    async def block_hashes(self, height: int) -> tuple[str | None, str | None]:
        """Return both nodes' block hashes at a height."""
        return await self._both(lambda node: node.block_hash(height))

    async def transfers(self, block_hash: str) -> tuple[Sequence[Transfer], Sequence[Transfer]]:
        """Return what both nodes report of a block."""
        return await self._both(lambda node: node.transfers(block_hash))

    async def block_time(self, block_hash: str) -> datetime:
        """Return the time that a block states; raise NodeDisagreement."""
        ours, theirs = await self._both(lambda node: node.block_time(block_hash))
        if ours != theirs:
            raise NodeDisagreement(f"the nodes report different times of block {block_hash}")
        return ours

    async def pending(self) -> PendingTransfers:
        """Return what entered our own node's mempool."""
        await self._own.check_identity()
        return await self._own.pending()

    async def first_seen(self, tx_id: str) -> datetime | None:
        """Return when a transaction entered our own node's mempool; None if it is not there."""
        return await self._own.first_seen(tx_id)

    async def agreed(self, tx_id: str, *, address: str, asset: str) -> ObservedTransfer | None:
        """Return what both nodes report of a transfer, the less certain of the two.

        None if either does not know it. Raises NodeDisagreement.
        """
        ours, theirs = await self._look_up(tx_id, address, asset)
        if ours is None or theirs is None:
            return None
        if ours.amount != theirs.amount:
            raise NodeDisagreement(f"the nodes report different amounts of {tx_id}")
        if ours.height is None or theirs.height is None:
            return ObservedTransfer(None, ours.amount)
        return ObservedTransfer(max(ours.height, theirs.height), ours.amount)

    async def is_known(self, tx_id: str, *, address: str, asset: str) -> bool:
        """Return whether either node knows a transfer."""
        return any(one is not None for one in await self._look_up(tx_id, address, asset))

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        """Return the addresses that both nodes prove to be unused; raise ProofUnavailable."""
        ours, theirs = await self._both(lambda node: node.unused(addresses))
        return ours & theirs

    async def has_failed(self, tx_id: str) -> bool | None:
        """Return whether our own node has a transaction that failed; None if it is in no block."""
        return await self._own.has_failed(tx_id)

    async def _look_up(
        self, tx_id: str, address: str, asset: str
    ) -> tuple[ObservedTransfer | None, ObservedTransfer | None]:
        return await self._both(lambda node: node.look_up(tx_id, address, asset))

    async def _both(self, call: Callable[[Node], Awaitable[T]]) -> tuple[T, T]:
        await self.check_identity()
        ours, theirs = await asyncio.gather(call(self._own), call(self._second))
        return ours, theirs
