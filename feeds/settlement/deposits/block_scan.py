"""Scans the blocks of a chain for deposits, and rescans what a reorganization replaced."""

from datetime import datetime
from typing import Final

import structlog

from domain.chains.transfers import Block
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.node_pair import NodeDisagreement
from feeds.settlement.deposits.ports import WatchPorts

BLOCKS_PER_ROUND: Final = 50

log = structlog.get_logger()


class BlockScan:
    """Processes blocks in order, each once both nodes report the same hash and deposits."""

    def __init__(self, ports: WatchPorts, recorder: DepositRecorder) -> None:
        self._ports = ports
        self._recorder = recorder
        self._newest: Block | None = None
        self._timed: tuple[str, datetime] | None = None

    async def advance(self, *, common: int, highest: int) -> tuple[int, str | None]:
        """Process the next blocks up to `common`, the height that both nodes have reached.

        Returns how many, and where the nodes have different blocks. `highest` is the greater height
        of the two. Raises NodeDisagreement and WrongChain.
        """
        newest, fork = await self._common_ancestor(highest)
        self._newest = newest
        if fork:
            return 0, fork
        first = self._ports.first_height if self._ports.first_height is not None else common
        start = newest.height + 1 if newest else first
        end = min(common, start + BLOCKS_PER_ROUND - 1)
        for height in range(start, end + 1):
            ours, theirs = await self._ports.nodes.block_hashes(height)
            if ours is None or ours != theirs:
                return height - start, _fork_at(height)
            if await self._is_replaced(self._newest):
                return height - start, None  # the next round scans what replaced it
            block = Block(height, ours)
            await self._process(block)
            self._newest = block
        return max(end - start + 1, 0), None

    async def _is_replaced(self, processed: Block | None) -> bool:
        """Return whether a reorganization has just removed the block below the next one.

        The next one, read before, would then hide from later rounds that its parent was never
        processed.
        """
        if processed is None:
            return False
        hashes = await self._ports.nodes.block_hashes(processed.height)
        return hashes != (processed.hash, processed.hash)

    async def followed_until(self, *, common: int) -> datetime | None:
        """Return the time of the newest processed block; None unless both nodes still have it."""
        newest = self._newest
        if newest is None or newest.height > common:
            return None
        if self._timed is None or self._timed[0] != newest.hash:
            self._timed = (newest.hash, await self._ports.nodes.block_time(newest.hash))
        return self._timed[1]

    async def _common_ancestor(self, highest: int) -> tuple[Block | None, str | None]:
        """Return the newest processed block that is still in the chain, and where the nodes fork.

        Processed blocks that a reorganization removed are deleted.
        """
        chains, network = self._ports.chains, self._ports.network
        while (newest := await chains.newest_block(network)) is not None:
            if newest.height > highest:
                await chains.delete_blocks(network, above=highest)
                continue
            ours, theirs = await self._ports.nodes.block_hashes(newest.height)
            if ours is None or theirs is None:
                return newest, None  # one node is behind
            if ours != theirs:
                return newest, _fork_at(newest.height)
            if ours == newest.hash:
                return newest, None
            await self._ports.nodes.check_identity(again=True)
            log.warning("chain reorganized", network=network, height=newest.height)
            await chains.delete_blocks(network, above=newest.height - 1)
        return None, None

    async def _process(self, block: Block) -> None:
        """Record the deposits of a block that both nodes report alike, then the block."""
        ours, theirs = await self._ports.nodes.transfers(block.hash)
        expected = await self._recorder.expected([*ours, *theirs])
        deposits = sorted(one for one in ours if one.address in expected)
        if deposits != sorted(one for one in theirs if one.address in expected):
            raise NodeDisagreement(
                f"the nodes report different deposits in block {block.height} {block.hash}"
            )
        if deposits:
            since = await self._ports.nodes.block_time(block.hash)
            for deposit in deposits:
                await self._recorder.record(deposit, expected[deposit.address], since=since)
        await self._ports.chains.add_block(self._ports.network, block)


def _fork_at(height: int) -> str:
    return f"the nodes have different blocks at height {height}"
