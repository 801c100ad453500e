"""Scans the blocks of a chain for deposits, and rescans what a reorganization replaced."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from domain.actions.orders.observe_deposit import observe_deposit
from domain.chains.transfers import Block, ExpectedDeposit, Transfer
from domain.orders.deposits import ObservedDeposit
from feeds.settlement.deposits.node_pair import NodeDisagreement
from feeds.settlement.deposits.ports import WatchPorts

BLOCKS_PER_ROUND: Final = 50

log = structlog.get_logger()


class BlockScan:
    """Processes blocks in order, each once both nodes report the same hash and deposits."""

    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports

    async def advance(self, *, common: int, highest: int) -> tuple[int, str | None]:
        """Process the next blocks up to `common`, the height that both nodes have reached.

        Returns how many, and where the nodes have different blocks. `highest` is the greater height
        of the two. Raises NodeDisagreement and WrongChain.
        """
        newest, fork = await self._common_ancestor(highest)
        if fork:
            return 0, fork
        first = self._ports.first_height if self._ports.first_height is not None else common
        start = newest.height + 1 if newest else first
        end = min(common, start + BLOCKS_PER_ROUND - 1)
        for height in range(start, end + 1):
            ours, theirs = await self._ports.nodes.block_hashes(height)
            if ours is None or ours != theirs:
                return height - start, _fork_at(height)
            await self._process(Block(height, ours))
        return max(end - start + 1, 0), None

    async def record(self, transfers: Sequence[Transfer]) -> None:
        """Record deposits in their orders; what an order cannot use is for the operator."""
        expected = await self._expected(transfers)
        for transfer in transfers:
            order = expected.get(transfer.address)
            if order is not None and not await self._is_observed(transfer, order):
                log.warning("unclaimed deposit", order=str(order.order_id), asset=transfer.asset)
                await self._ports.chains.add_unclaimed(
                    self._ports.network, transfer, order.order_id
                )

    async def _is_observed(self, transfer: Transfer, expected: ExpectedDeposit) -> bool:
        """Record a deposit; return False for another asset, and for too small an amount."""
        if expected.asset != transfer.asset:
            return False
        deposit = ObservedDeposit(transfer.tx_id, transfer.amount)
        order = await observe_deposit(self._ports.settlement, expected.order_id, deposit)
        return order.deposits.knows(transfer.tx_id)

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
        expected = await self._expected([*ours, *theirs])
        deposits = sorted(one for one in ours if one.address in expected)
        if deposits != sorted(one for one in theirs if one.address in expected):
            raise NodeDisagreement(
                f"the nodes report different deposits in block {block.height} {block.hash}"
            )
        await self.record(deposits)
        await self._ports.chains.add_block(self._ports.network, block)

    async def _expected(self, transfers: Sequence[Transfer]) -> Mapping[str, ExpectedDeposit]:
        addresses = {transfer.address for transfer in transfers}
        if not addresses:
            return {}
        return await self._ports.chains.expected_deposits(self._ports.network, addresses)


def _fork_at(height: int) -> str:
    return f"the nodes have different blocks at height {height}"
