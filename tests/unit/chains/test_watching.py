"""A chain is followed only as far as two nodes report the same."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from domain.actions.orders.ports import VersionedOrder
from domain.chains.deposit_credits import DepositCredit
from domain.chains.transfers import (
    Block,
    ExpectedDeposit,
    ObservedTransfer,
    PendingTransfers,
    Transfer,
)
from domain.errors import Unavailable
from domain.orders.order import Order
from domain.orders.states import State
from feeds.settlement.deposits.block_scan import BlockScan
from feeds.settlement.deposits.chain_status import REPORT_INTERVAL_SECONDS, ChainStatus
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.node_pair import NodeDisagreement, NodePair
from feeds.settlement.deposits.ports import WatchPorts
from feeds.settlement.deposits.watch import ChainWatch
from tests.support.builders.order_states import new_order

if TYPE_CHECKING:
    from domain.actions.orders.ports import SettlementPorts
    from domain.chains.ports import ChainRepository

ORDER = UUID(int=7)
ADDRESS = "pay-in"
DEPOSIT = Transfer("tx", ADDRESS, "other", 5)
"""Of another asset than its order's, so that it is recorded for the operator."""
BLOCK_TIME = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST_SEEN = BLOCK_TIME - timedelta(minutes=5)


class FakeNode:
    """A node whose blocks are named by their hashes, the first at height 0."""

    def __init__(
        self, *hashes: str, transfers: Mapping[str, Sequence[Transfer]] | None = None
    ) -> None:
        self.hashes = list(hashes)
        self.contents = transfers or {}
        self.known: ObservedTransfer | None = None
        self.times: dict[str, datetime] = {}
        self.mempool: list[PendingTransfers] = []

    async def check_identity(self, *, again: bool = False) -> None:
        """It follows the declared chain."""

    async def height(self) -> int:
        return len(self.hashes) - 1

    async def block_hash(self, height: int) -> str | None:
        return self.hashes[height] if height < len(self.hashes) else None

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        return self.contents.get(block_hash, [])

    async def block_time(self, block_hash: str) -> datetime:
        return self.times.get(block_hash, BLOCK_TIME)

    async def pending(self) -> PendingTransfers:
        return self.mempool.pop(0) if self.mempool else PendingTransfers((), is_complete=True)

    async def first_seen(self, tx_id: str) -> datetime | None:
        assert tx_id == "tx"
        return FIRST_SEEN

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        assert (tx_id, address, asset) == ("tx", ADDRESS, "ltc")
        return self.known

    async def has_failed(self, tx_id: str) -> bool | None:
        assert tx_id == "tx"
        return False if self.known else None

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        return frozenset(addresses) if self.known is None else frozenset()

    async def close(self) -> None:
        """Nothing is open."""


class FakeChains:
    """The part of ChainRepository that following a chain uses."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = list(blocks)
        self.unclaimed: list[Transfer] = []
        self.statuses: list[tuple[int | None, str | None]] = []
        self.followed: list[datetime | None] = []
        self.halted_for: str | None = None

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

    async def halt(self, _: str, alarm: str) -> None:
        self.halted_for = alarm

    async def is_halted(self, _: str) -> bool:
        return self.halted_for is not None

    async def required_confirmations(self, _: str) -> Mapping[str, int]:
        return {"ltc": 2}

    async def unconfirmed_orders(self, _: str) -> Sequence[UUID]:
        return []

    async def pending_credits(self, _: str) -> Sequence[DepositCredit]:
        return []

    async def unconfirmed_unclaimed(self, _: str) -> Sequence[Transfer]:
        return []

    async def record_status(
        self, _: str, *, height: int | None, alarm: str | None, followed_until: datetime | None
    ) -> None:
        self.statuses.append((height, alarm))
        self.followed.append(followed_until)


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
    scanned = BlockScan(ports, DepositRecorder(ports))
    return asyncio.run(scanned.advance(common=min(heights), highest=max(heights)))


def test_blocks_are_processed_up_to_the_height_that_both_nodes_have_reached() -> None:
    chains = FakeChains()
    assert scan(FakeNode("a", "b", "c"), FakeNode("a", "b"), chains) == (2, None)
    assert chains.blocks == [Block(0, "a"), Block(1, "b")]


def test_a_chain_without_a_first_height_begins_at_the_present_one() -> None:
    chains = FakeChains()
    assert scan(FakeNode("a", "b"), FakeNode("a", "b"), chains, first=None) == (1, None)
    assert chains.blocks == [Block(1, "b")]


class ReorganizingNode(FakeNode):
    """A node whose chain is reorganized while its second block is read."""

    async def block_hash(self, height: int) -> str | None:
        if height == 2:
            self.hashes = ["a", "other b", "other c"]
        return await super().block_hash(height)


def test_a_block_is_not_processed_after_a_parent_that_was_replaced_meanwhile() -> None:
    contents = {"other b": [DEPOSIT]}
    nodes = [ReorganizingNode("a", "b", "c", transfers=contents) for _ in range(2)]
    chains = FakeChains(Block(0, "a"), Block(1, "b"))
    assert scan(nodes[0], nodes[1], chains) == (0, None)
    assert scan(nodes[0], nodes[1], chains) == (2, None)
    assert chains.blocks == [Block(0, "a"), Block(1, "other b"), Block(2, "other c")]
    assert chains.unclaimed == [DEPOSIT]


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
            await status.report(height, None, nodes_agree=True, followed_until=None)

    asyncio.run(reports())
    assert chains.statuses == [(1, None), (2, None), (2, None)]


class FakeOrders:
    """Settlement's ports, as far as recording a deposit uses them: the order's deposits."""

    def __init__(self) -> None:
        self.order = new_order(created_at=BLOCK_TIME - timedelta(hours=1), state=State.HELD)
        self.clock = SimpleNamespace(now=lambda: BLOCK_TIME + timedelta(days=1))
        self.orders = self
        self.fails = False

    async def read(self, order_id: UUID) -> VersionedOrder:
        assert order_id == ORDER
        if self.fails:
            raise Unavailable("the database does not respond")
        return VersionedOrder(self.order, 1)

    async def save(self, order: Order, **_: object) -> bool:
        self.order = order
        return True

    @property
    def seen_at(self) -> list[datetime]:
        return [one.seen_at for one in self.order.deposits.all]


def watched(nodes: tuple[FakeNode, FakeNode], orders: FakeOrders) -> tuple[ChainWatch, FakeChains]:
    chains = FakeChains()
    ports = WatchPorts(
        network="Litecoin",
        nodes=NodePair(*nodes),
        settlement=cast("SettlementPorts", orders),
        chains=cast("ChainRepository", chains),
        drop_after=timedelta(seconds=1),
        first_height=0,
    )
    return ChainWatch(ports), chains


PAID = Transfer("tx", ADDRESS, "ltc", 5)


def test_a_deposit_in_a_block_counts_from_the_blocks_time() -> None:
    nodes = FakeNode("a", transfers={"a": [PAID]}), FakeNode("a", transfers={"a": [PAID]})
    orders = FakeOrders()
    watch, chains = watched(nodes, orders)
    asyncio.run(watch.round())
    assert (orders.seen_at, chains.followed) == ([BLOCK_TIME], [BLOCK_TIME])


def test_a_pending_deposit_counts_from_when_it_entered_our_nodes_mempool() -> None:
    nodes, orders = (FakeNode("a"), FakeNode("a")), FakeOrders()
    nodes[0].mempool = [PendingTransfers([PAID], is_complete=True)]
    watch, _ = watched(nodes, orders)
    asyncio.run(watch.round())
    assert orders.seen_at == [FIRST_SEEN]


def test_a_pending_deposit_that_could_not_be_recorded_is_recorded_in_the_next_round() -> None:
    nodes, orders = (FakeNode("a"), FakeNode("a")), FakeOrders()
    nodes[0].mempool = [PendingTransfers([PAID], is_complete=True)]
    watch, _ = watched(nodes, orders)

    async def rounds() -> None:
        orders.fails = True
        with pytest.raises(Unavailable):
            await watch.round()
        assert orders.seen_at == []
        orders.fails = False
        await watch.round()

    asyncio.run(rounds())
    assert orders.seen_at == [FIRST_SEEN]


def test_a_chain_is_followed_until_its_newest_block_once_the_whole_mempool_was_read() -> None:
    nodes = FakeNode("a", "b"), FakeNode("a", "b")
    nodes[0].mempool = [PendingTransfers((), is_complete=False)]
    watch, chains = watched(nodes, FakeOrders())

    async def rounds() -> None:
        await watch.round()
        await watch.round()
        nodes[1].hashes.pop()
        await watch.round()

    asyncio.run(rounds())
    assert chains.followed == [None, BLOCK_TIME, None]


def test_different_times_of_one_block_halt_the_chain() -> None:
    nodes = FakeNode("a", transfers={"a": [PAID]}), FakeNode("a", transfers={"a": [PAID]})
    nodes[1].times["a"] = FIRST_SEEN
    orders = FakeOrders()
    watch, chains = watched(nodes, orders)
    asyncio.run(watch.round())
    assert (chains.halted_for, orders.seen_at) == (
        "the nodes report different times of block a",
        [],
    )
