"""What the simulated wallets of all chains have in common: they call our own node."""

import json
from collections.abc import Collection

from domain.assets import Asset
from domain.chains.outflows import Outflow
from feeds.settlement.chains.interface import NodeUnavailable, Signed
from tests.simulation.chains.chain import Receipt, Tx
from tests.simulation.chains.nodes import NodeState, SimulatedNode, rejected
from tests.simulation.world.scheduling import Process


def encoded(tx: Tx) -> str:
    """Return a transaction as the text that settlement stores."""
    fields = [sorted(tx.spends), tx.outputs, tx.price, tx.fee, tx.sender, tx.note]
    return json.dumps(fields)


def decoded(raw: str) -> Tx:
    """Return the transaction of such a text."""
    spends, outputs, price, fee, sender, note = json.loads(raw)
    return Tx(
        spends=frozenset(spends),
        outputs=tuple(tuple(one) for one in outputs),
        price=price,
        fee=fee,
        sender=sender,
        note=note,
    )


class NodeWallet:
    """What wallets of both kinds of chain have in common: they ask our own node."""

    def __init__(self, process: Process, state: NodeState) -> None:
        self._node = SimulatedNode(process, state, reads_mempool=True)
        self._state = state

    async def check_identity(self) -> None:
        """See Wallet."""
        await self._node.check_identity()

    async def addresses(self) -> Collection[str]:
        """See Wallet: nobody pays to it."""
        return ()

    async def broadcast(self, signed: Signed) -> None:
        """See Wallet. The node may accept a transaction and its response be lost."""
        await self._node.call("broadcast")
        reason = self._state.chain.submit(decoded(signed.raw))
        if self._state.loses_response():
            raise NodeUnavailable(f"{self._state.name} does not respond: TimeoutError")
        if reason is not None and not self._knows(signed.tx_id):
            raise rejected("broadcast", reason)

    async def is_known(self, tx_id: str) -> bool:
        """See Wallet."""
        await self._node.call("is_known")
        return self._knows(tx_id)

    async def depth(self, tx_id: str) -> int:
        """See Wallet."""
        await self._node.call("depth")
        receipt = self._receipt(tx_id)
        return self._state.block.height - receipt.height + 1 if receipt else 0

    async def has_paid(self, outflow: Outflow, tx_id: str) -> bool:
        """See Wallet."""
        await self._node.call("has_paid")
        receipt = self._receipt(tx_id)
        if receipt is None:
            raise NodeUnavailable("the node has no receipt of the transaction")
        paid = receipt.transfers
        due = (outflow.address, outflow.asset.code, outflow.amount)
        return due in [(one.address, one.asset, one.amount) for one in paid]

    async def has_failed(self, tx_id: str) -> bool:
        """See Wallet."""
        await self._node.call("has_failed")
        receipt = self._receipt(tx_id)
        return receipt is not None and not receipt.transfers

    async def fee_paid(self, tx_id: str) -> int:
        """See Wallet."""
        await self._node.call("fee_paid")
        receipt = self._receipt(tx_id)
        if receipt is None:
            raise NodeUnavailable("the node has no receipt of the transaction")
        return receipt.fee

    async def typical_fee(self, asset: Asset) -> int | None:
        """See Wallet."""
        await self._node.call("typical_fee")
        return self._typical_fee(asset)

    def _typical_fee(self, asset: Asset) -> int:
        """Return what a payment costs at the chain's present price."""
        raise NotImplementedError

    async def close(self) -> None:
        """See Wallet."""

    def _receipt(self, tx_id: str) -> Receipt | None:
        return self._state.block.receipts.get(tx_id)

    def _knows(self, tx_id: str) -> bool:
        return tx_id in self._state.mempool() or self._receipt(tx_id) is not None
