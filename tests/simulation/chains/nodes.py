"""Simulated nodes: each has its own view of its chain, and may lag, fail, lie or be another's."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from domain.chains.transfers import ObservedTransfer, PendingTransfers, Transfer
from feeds.settlement.chains.interface import (
    NodeRejected,
    NodeUnavailable,
    ProofUnavailable,
    WrongChain,
)
from tests.simulation.chains.chain import Block, Chain, Tx
from tests.simulation.world.scheduling import Process


class Fault(StrEnum):
    """What is wrong with a node."""

    NONE = "none"
    DOWN = "down"
    LAGS = "lags"
    LIES = "lies"
    FOREIGN = "of another chain"
    FORGETS = "forgets"
    TRACES_NOTHING = "traces nothing"
    """It cannot prove what a contract transferred."""


class NodeState:
    """A node: what it has seen of its chain so far."""

    def __init__(self, chain: Chain, name: str) -> None:
        self.chain = chain
        self.name = name
        self.view = chain.best
        self.fault = Fault.NONE
        self.lost_responses = 0
        """How many of the next broadcasts succeed without a response."""
        self.locked: set[str] = set()
        """Outputs that the node's wallet does not select, until it restarts."""

    def loses_response(self) -> bool:
        """Return whether the response to this broadcast is lost."""
        if not self.lost_responses:
            return False
        self.lost_responses -= 1
        return True

    def synchronize(self) -> None:
        """See the best branch, unless the node lags."""
        if self.fault is not Fault.LAGS:
            self.view = self.chain.best

    @property
    def block(self) -> Block:
        """Return the newest block it knows."""
        return self.chain.blocks[self.view]

    def mempool(self) -> dict[str, Tx]:
        """Return what it knows to be pending."""
        known = self.block.receipts
        return {key: tx for key, tx in self.chain.mempool.items() if key not in known}

    def reported(self, transfer: Transfer) -> Transfer:
        """Return a transfer as the node reports it."""
        if self.fault is Fault.LIES:
            return msgspec.structs.replace(transfer, amount=transfer.amount * 10)
        return transfer


class SimulatedNode:
    """Node over the state of a node, as one process calls it.

    With `reads_mempool` it reports pending transfers, as Bitcoin's do; those of accounts do not.
    """

    def __init__(self, process: Process, state: NodeState, *, reads_mempool: bool) -> None:
        self.reads_mempool = reads_mempool
        self._process = process
        self._seen: frozenset[str] = frozenset()
        self._is_identified = False
        self.state = state

    async def call(self, name: str) -> None:
        """Wait for this call's turn; raise NodeUnavailable while the node is down."""
        state = self.state
        await self._process.turn(f"{state.chain.network} {state.name}: {name}")
        state.synchronize()
        if state.fault is Fault.DOWN:
            self._is_identified = False
            raise NodeUnavailable(f"{state.name} does not respond: TimeoutError")

    async def check_identity(self, *, again: bool = False) -> None:
        """See Node: checked before the first call, after a failed one, and again on request."""
        if self._is_identified and not again:
            return
        await self.call("identity")
        self._is_identified = self.state.fault is not Fault.FOREIGN
        if not self._is_identified:
            raise WrongChain(f"{self.state.name} is not a node of {self.state.chain.network}")

    async def height(self) -> int:
        """See Node."""
        await self.call("height")
        return self.state.block.height

    async def block_hash(self, height: int) -> str | None:
        """See Node."""
        await self.call("block_hash")
        path = self.state.block.path
        if not 0 <= height < len(path):
            return None
        return f"foreign-{height}" if self.state.fault is Fault.FOREIGN else path[height]

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """See Node."""
        await self.call("transfers")
        block = self.state.chain.blocks.get(block_hash)
        if block is None:
            raise NodeUnavailable("the node no longer has a block it has just reported")
        return [
            self.state.reported(one)
            for tx in block.txs
            if not tx.is_internal
            for one in block.receipts[tx.id].transfers
        ]

    async def block_time(self, block_hash: str) -> datetime:
        """See Node."""
        await self.call("block_time")
        block = self.state.chain.blocks.get(block_hash)
        if block is None:
            raise NodeUnavailable("the node no longer has a block it has just reported")
        return block.time

    async def first_seen(self, tx_id: str) -> datetime | None:
        """See Node."""
        await self.call("first_seen")
        state = self.state
        return state.chain.submitted.get(tx_id) if tx_id in state.mempool() else None

    async def pending(self) -> PendingTransfers:
        """See Node."""
        await self.call("pending")
        mempool = self.state.mempool() if self.reads_mempool else {}
        new = sorted(mempool.keys() - self._seen)
        self._seen = frozenset(mempool)
        transfers = [one for tx_id in new for one in mempool[tx_id].transfers()]
        return PendingTransfers(transfers, is_complete=True)

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        """See Node."""
        await self.call("look_up")
        state = self.state
        if state.fault is Fault.FORGETS:
            return None
        receipt = state.block.receipts.get(tx_id)
        if receipt and state.fault is Fault.TRACES_NOTHING and state.chain.known[tx_id].is_internal:
            raise ProofUnavailable(f"{state.name} has no trace of {tx_id}")
        tx = state.mempool().get(tx_id) if self.reads_mempool else None
        transfers = receipt.transfers if receipt else tx.transfers() if tx else ()
        for one in transfers:
            if (one.address, one.asset) == (address, asset):
                height = receipt.height if receipt else None
                return ObservedTransfer(height, state.reported(one).amount)
        return None

    async def has_failed(self, tx_id: str) -> bool | None:
        """See Node."""
        await self.call("has_failed")
        receipt = self.state.block.receipts.get(tx_id)
        return None if receipt is None else not receipt.succeeded

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        """See Node."""
        await self.call("unused")
        receipts = self.state.block.receipts.values()
        paid = {transfer.address for one in receipts for transfer in one.transfers}
        return frozenset(addresses) - paid

    async def close(self) -> None:
        """See Node."""


def rejected(method: str, reason: str) -> NodeRejected:
    """Return the error of a node that did not perform a call."""
    return NodeRejected(method, -26, reason)
