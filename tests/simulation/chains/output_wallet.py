"""The simulated hot wallet of a chain of outputs: it selects, locks and spends them."""

from collections.abc import Sequence
from typing import Final

from domain.assets import Asset
from domain.chains.outflows import CostAboveBound, NetworkCoin, Outflow
from feeds.settlement.chains.interface import NodeUnavailable, Prepared, Signed
from tests.simulation.chains.chain import Tx
from tests.simulation.chains.node_wallet import NodeWallet, decoded, encoded
from tests.simulation.chains.nodes import NodeState, rejected
from tests.simulation.chains.output_chain import BASE_SIZE, DUST, HOT, INPUT_SIZE, OutputChain
from tests.simulation.world.scheduling import Process

MAX_FEE: Final = 1_000_000


class OutputWallet(NodeWallet):
    """Wallet whose outputs the node keeps, with its locks, until the node restarts."""

    def __init__(self, process: Process, state: NodeState, chain: OutputChain) -> None:
        super().__init__(process, state)
        self._chain = chain

    @property
    def coin(self) -> NetworkCoin:
        """See Wallet."""
        return NetworkCoin("LTC", 8)

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        """See Wallet."""
        await self._node.call("prepare")
        if sum(self._unspent().values()) <= outflow.amount:
            raise NodeUnavailable("the hot wallet has too little")
        cost = self._chain.price * (BASE_SIZE + INPUT_SIZE)
        if cost > max_cost:
            raise CostAboveBound("the fee is above the bound")
        return Prepared(None, cost)

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """See Wallet."""
        await self._node.call("reserve")
        signed = [decoded(one.raw) for outflow in unbroadcast for one in outflow.candidates]
        self._state.locked = {key for tx in signed for key in tx.spends}

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        """See Wallet."""
        await self._node.check_identity(again=True)
        await self._node.call("sign")
        chosen: dict[str, int] = {}
        rate = self._chain.price
        for key, amount in sorted(self._unspent().items(), key=lambda one: (-one[1], one[0])):
            if key in self._state.locked:
                continue
            chosen[key] = amount
            fee = rate * (BASE_SIZE + INPUT_SIZE * len(chosen))
            if sum(chosen.values()) >= outflow.amount + fee:
                _require(fee, max_cost)
                self._state.locked |= chosen.keys()
                return self._signed(outflow, chosen, rate=rate, fee=fee)
        raise rejected("fundrawtransaction", "Insufficient funds")

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:
        """See Wallet. The same outputs are spent."""
        await self._node.check_identity(again=True)
        await self._node.call("raise_fee")
        sent = self._state.mempool().get(stuck)
        if sent is None:
            raise rejected("psbtbumpfee", "the transaction is not in the mempool")
        if self._has_descendants(sent):
            raise rejected("psbtbumpfee", "Transaction has descendants in the wallet")
        amounts = {key: self._amount(key) for key in sent.spends}
        rate = max(sent.price * 12 // 10 + 1, self._chain.price)
        fee = rate * (BASE_SIZE + INPUT_SIZE * len(amounts))
        if sum(amounts.values()) < outflow.amount + fee:
            raise rejected("psbtbumpfee", "Insufficient funds")
        _require(fee, max_cost)
        return self._signed(outflow, amounts, rate=rate, fee=fee)

    async def void(self, outflow: Outflow) -> Signed:
        """See Wallet: what the first candidate spends, back to the wallet itself."""
        await self._node.check_identity(again=True)
        await self._node.call("void")
        first = decoded(outflow.candidates[0].raw)
        pending = self._state.mempool()
        sent = [pending[one.tx_id] for one in outflow.candidates if one.tx_id in pending]
        if any(self._has_descendants(one) for one in sent):
            raise NodeUnavailable("another payout spends the change")
        rate = max([self._chain.price, *(one.price * 12 // 10 + 1 for one in sent)])
        fee = rate * (BASE_SIZE + INPUT_SIZE * len(first.spends))
        amount = sum(self._amount(key) for key in first.spends)
        if fee > min(MAX_FEE, amount):
            raise NodeUnavailable("the fee is above the maximum")
        tx = Tx(
            spends=first.spends,
            outputs=((HOT, outflow.asset.code, amount - fee),),
            price=rate,
            fee=fee,
            sender=HOT,
            note="void",
        )
        return Signed(encoded(tx), tx.id)

    async def is_spent_from(self, tx_id: str) -> bool:
        """See Wallet."""
        await self._node.call("is_spent_from")
        sent = self._state.mempool().get(tx_id)
        return sent is not None and self._has_descendants(sent)

    def _typical_fee(self, asset: Asset) -> int:  # noqa: ARG002  the only one
        """See NodeWallet."""
        return min(self._chain.price * (BASE_SIZE + INPUT_SIZE), MAX_FEE)

    def _signed(self, outflow: Outflow, spent: dict[str, int], *, rate: int, fee: int) -> Signed:
        if fee > MAX_FEE:
            raise NodeUnavailable("the fee is above the maximum")
        code = outflow.asset.code
        change = sum(spent.values()) - outflow.amount - fee
        kept = ((HOT, code, change),) if change >= DUST else ()
        fee += 0 if kept else change
        tx = Tx(
            spends=frozenset(spent),
            outputs=((outflow.address, code, outflow.amount), *kept),
            price=rate,
            fee=fee,
            sender=HOT,
        )
        return Signed(encoded(tx), tx.id)

    def _unspent(self) -> dict[str, int]:
        """Return what the wallet may spend: it remembers what it sent.

        In whichever block that is, and in none after it left the mempool, until a block contradicts
        it (`CWallet::IsSpent`).
        """
        block, chain = self._state.block, self._chain
        sent = [chain.known[tx_id] for tx_id in chain.submitted]
        spends = [tx.spends for tx in sent if tx.sender == HOT and not chain.is_contradicted(tx)]
        spent = set(block.spent).union(*spends, *(tx.spends for tx in chain.mempool.values()))
        owned = self._chain.outputs_of(HOT, block.receipts)
        return {key: amount for key, amount in owned.items() if key not in spent and amount}

    def _amount(self, key: str) -> int:
        tx_id, index = key.rsplit("/", 1)
        return self._chain.known[tx_id].outputs[int(index)][2]

    def _has_descendants(self, tx: Tx) -> bool:
        return any(self._chain.depends(one, tx) for one in self._chain.mempool.values())


def _require(fee: int, max_cost: int) -> None:
    if fee > max_cost:
        raise CostAboveBound(f"the fee {fee} is above the bound {max_cost}")
