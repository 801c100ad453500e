"""A chain is followed only as far as two nodes report the same."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from domain.chains.transfers import Block, ExpectedDeposit, ObservedTransfer, Transfer
from feeds.settlement.deposits.block_scan import BlockScan
from feeds.settlement.deposits.chain_status import REPORT_INTERVAL_SECONDS, ChainStatus
from feeds.settlement.deposits.node_pair import NodeDisagreement, NodePair
from feeds.settlement.deposits.ports import WatchPorts

if TYPE_CHECKING:
    from domain.actions.orders.ports import SettlementPorts
    from domain.chains.ports import ChainRepository

ORDER = UUID(int=7)
ADDRESS = "pay-in"
DEPOSIT = Transfer("tx", ADDRESS, "other", 5)
"""Of another asset than its order's, so that it is recorded for the operator."""


class FakeNode:
    """A node whose blocks are named by their hashes, the first at height 0."""

    def __init__(
        self, *hashes: str, transfers: Mapping[str, Sequence[Transfer]] | None = None
    ) -> None:
        self.hashes = list(hashes)
        self.contents = transfers or {}
        self.known: ObservedTransfer | None = None

    async def check_identity(self, *, again: bool = False) -> None:
        """It follows the declared chain."""

    async def height(self) -> int:
        return len(self.hashes) - 1

    async def block_hash(self, height: int) -> str | None:
        return self.hashes[height] if height < len(self.hashes) else None

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        return self.contents.get(block_hash, [])

    async def pending(self) -> Sequence[Transfer]:
        return []

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        assert (tx_id, address, asset) == ("tx", ADDRESS, "ltc")
        return self.known

    async def close(self) -> None:
        """Nothing is open."""


class FakeChains:
    """The part of ChainRepository that following a chain uses."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = list(blocks)
        self.unclaimed: list[Transfer] = []
        self.statuses: list[tuple[int | None, str | None]] = []

    async def newest_block(self, _: str) -> Block | None:
        return max(self.blocks, key=lambda block: block.height, default=None)

    async def add_block(self, _: str, block: Block) -> None:
        self.blocks.append(block)

    async def delete_blocks(self, _: str, *, above: int) -> None:
        self.blocks = [block for block in self.blocks if block.height <= above]

    async def expected_deposits(
        self, _: str, addresses: Collection[str]
    ) -> Mapping[str, ExpectedDeposit]:
        return {one: ExpectedDeposit(ORDER, "ltc") for one in addresses if one == ADDRESS}

    async def add_unclaimed(self, _: str, transfer: Transfer, order_id: UUID) -> None:
        assert order_id == ORDER
        self.unclaimed.append(transfer)

    async def record_status(self, _: str, *, height: int | None, alarm: str | None) -> None:
        self.statuses.append((height, alarm))


def scan(
    own: FakeNode, second: FakeNode, chains: FakeChains, *, first: int | None = 0
) -> tuple[int, str | None]:
    ports = WatchPorts(
        network="Litecoin",
        nodes=NodePair(own, second),
        settlement=cast("SettlementPorts", SimpleNamespace()),
        chains=cast("ChainRepository", chains),
        drop_after=timedelta(seconds=1),
        first_height=first,
    )
    heights = (len(own.hashes) - 1, len(second.hashes) - 1)
    return asyncio.run(BlockScan(ports).advance(common=min(heights), highest=max(heights)))


def test_blocks_are_processed_up_to_the_height_that_both_nodes_have_reached() -> None:
    chains = FakeChains()
    assert scan(FakeNode("a", "b", "c"), FakeNode("a", "b"), chains) == (2, None)
    assert chains.blocks == [Block(0, "a"), Block(1, "b")]


def test_a_chain_without_a_first_height_begins_at_the_present_one() -> None:
    chains = FakeChains()
    assert scan(FakeNode("a", "b"), FakeNode("a", "b"), chains, first=None) == (1, None)
    assert chains.blocks == [Block(1, "b")]


def test_a_deposit_that_both_nodes_report_is_recorded_once() -> None:
    contents = {"b": [DEPOSIT, Transfer("tx", "elsewhere", "ltc", 9)]}
    nodes = [FakeNode("a", "b", transfers=contents) for _ in range(2)]
    chains = FakeChains()
    scan(nodes[0], nodes[1], chains)
    scan(nodes[0], nodes[1], chains)
    assert chains.unclaimed == [DEPOSIT]


@pytest.mark.parametrize("theirs", [[], [Transfer("tx", ADDRESS, "other", 6)]])
def test_different_deposits_in_one_block_are_a_disagreement(theirs: list[Transfer]) -> None:
    own = FakeNode("a", transfers={"a": [DEPOSIT]})
    second = FakeNode("a", transfers={"a": theirs})
    chains = FakeChains()
    for nodes in ((own, second), (second, own)):
        with pytest.raises(NodeDisagreement):
            scan(*nodes, chains)
    assert (chains.blocks, chains.unclaimed) == ([], [])


def test_different_payments_to_others_are_no_disagreement() -> None:
    own = FakeNode("a", transfers={"a": [Transfer("tx", "elsewhere", "ltc", 9)]})
    assert scan(own, FakeNode("a"), FakeChains()) == (1, None)


def test_a_reorganization_on_both_nodes_is_processed_from_the_common_ancestor() -> None:
    chains = FakeChains(Block(0, "a"), Block(1, "b"), Block(2, "c"))
    assert scan(FakeNode("a", "B", "C"), FakeNode("a", "B", "C"), chains) == (2, None)
    assert chains.blocks == [Block(0, "a"), Block(1, "B"), Block(2, "C")]


def test_a_fork_between_the_nodes_holds_the_chain() -> None:
    chains = FakeChains(Block(0, "a"))
    fork = "the nodes have different blocks at height 1"
    assert scan(FakeNode("a", "b"), FakeNode("a", "B"), chains) == (0, fork)
    chains = FakeChains(Block(0, "a"), Block(1, "b"))
    assert scan(FakeNode("a", "b"), FakeNode("a", "B"), chains) == (0, fork)
    assert chains.blocks == [Block(0, "a"), Block(1, "b")]


def test_a_transfer_is_agreed_at_the_lower_depth_of_the_two_nodes() -> None:
    own, second = FakeNode(), FakeNode()

    def agreed(ours: ObservedTransfer | None, theirs: ObservedTransfer | None) -> Any:
        own.known, second.known = ours, theirs
        return asyncio.run(NodePair(own, second).agreed("tx", address=ADDRESS, asset="ltc"))

    mined, deeper, pending = (ObservedTransfer(height, 5) for height in (9, 8, None))
    assert agreed(mined, deeper) == agreed(deeper, mined) == mined
    assert agreed(mined, pending) == agreed(pending, mined) == pending
    assert agreed(mined, None) is agreed(None, mined) is None
    with pytest.raises(NodeDisagreement, match="different amounts"):
        agreed(mined, ObservedTransfer(9, 6))


def test_an_unchanged_status_is_recorded_at_intervals() -> None:
    chains, now = FakeChains(), [0.0]
    status = ChainStatus("Litecoin", cast("ChainRepository", chains), monotonic=lambda: now[0])

    async def reports() -> None:
        for height, seconds in ((1, 1.0), (1, 1.0), (2, 0.0), (2, REPORT_INTERVAL_SECONDS + 1)):
            now[0] += seconds
            await status.report(height, None, nodes_agree=True)

    asyncio.run(reports())
    assert chains.statuses == [(1, None), (2, None), (2, None)]
