"""The simulated hot wallet of a chain of accounts: nonces, gas limits and maximum fees."""

from collections.abc import Sequence
from typing import Final

from domain.assets import Asset
from domain.chains.outflows import CostAboveBound, GasAboveCeiling, NetworkCoin, Outflow
from feeds.settlement.chains.interface import NodeUnavailable, Prepared, Signed
from tests.simulation.chains.account_chain import COIN_GAS, GWEI, TOKEN_GAS, AccountChain
from tests.simulation.chains.chain import Tx
from tests.simulation.chains.node_wallet import NodeWallet, encoded
from tests.simulation.chains.nodes import NodeState, rejected
from tests.simulation.world.scheduling import Process

HOT: Final = "hot"
MAX_FEE: Final = 500 * GWEI
TIP: Final = GWEI
MAX_GAS: Final = 200_000


class AccountWallet(NodeWallet):
    """Wallet of an account whose nonces settlement assigns."""

    def __init__(self, process: Process, state: NodeState, chain: AccountChain) -> None:
        super().__init__(process, state)
        self._chain = chain

    @property
    def coin(self) -> NetworkCoin:
        """See Wallet."""
        return NetworkCoin("ETH", 18)

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        """See Wallet."""
        await self._node.call("prepare")
        gas, price = self._gas(outflow), self._price(outflow, max_cost)
        nonce = self._chain.next_nonce(HOT, self._state.block.spent, pending=True)
        return Prepared(nonce, gas * price)

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """See Wallet."""

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        """See Wallet."""
        await self._node.check_identity(again=True)
        await self._node.call("sign")
        return self._signed(outflow, self._gas(outflow), self._price(outflow, max_cost))

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:
        """See Wallet."""
        await self._node.check_identity(again=True)
        await self._node.call("raise_fee")
        sent = self._state.mempool().get(stuck)
        if sent is None or sent.spends != {f"{HOT}/{outflow.nonce}"}:
            raise NodeUnavailable("the node does not have the transaction to be replaced")
        gas = sent.fee // sent.price
        least, allowed = sent.price * 112 // 100 + 1, max_cost // gas
        if least > MAX_FEE:
            raise NodeUnavailable("a higher fee would be above the maximum")
        if least > allowed:
            raise CostAboveBound("a higher fee would cost more than the bound")
        wanted = max(least, 2 * self._chain.price + TIP)
        return self._signed(outflow, gas, min(wanted, MAX_FEE, allowed))

    async def void(self, outflow: Outflow) -> Signed:
        """See Wallet: the same nonce, from the wallet to itself."""
        await self._node.check_identity(again=True)
        await self._node.call("void")
        pending = self._state.mempool()
        least = [
            pending[one.tx_id].price * 112 // 100 + 1
            for one in outflow.candidates
            if one.tx_id in pending
        ]
        price = max([2 * self._chain.price + TIP, *least])
        if price > MAX_FEE:
            raise NodeUnavailable("a higher fee would be above the maximum")
        tx = Tx(
            spends=frozenset({f"{HOT}/{outflow.nonce}"}),
            outputs=((HOT, self._chain.coin, 0),),
            price=price,
            fee=21_000 * price,
            sender=HOT,
            note="void",
        )
        return Signed(encoded(tx), tx.id)

    async def is_spent_from(self, tx_id: str) -> bool:  # noqa: ARG002
        """See Wallet."""
        return False

    def _typical_fee(self, asset: Asset) -> int:
        """See NodeWallet: with room for a rise, as for a signature."""
        gas = COIN_GAS if asset.code == self._chain.coin else TOKEN_GAS
        return gas * min(2 * self._chain.price + TIP, MAX_FEE)

    def _gas(self, outflow: Outflow) -> int:
        """Return the gas limit; raise as `prepare`."""
        code = outflow.asset.code
        gas, succeeds = self._chain.gas_of(outflow.address, code, mined=False)
        if not succeeds:
            raise rejected("eth_estimateGas", "execution reverted")
        if gas > MAX_GAS:
            raise GasAboveCeiling(f"{gas} gas is more than {MAX_GAS}")
        return gas

    def _price(self, outflow: Outflow, max_cost: int) -> int:
        """Return what is offered per unit of gas; raise as `prepare`."""
        base = self._chain.price
        if base > MAX_FEE:
            raise NodeUnavailable("the base fee is above the maximum")
        allowed = max_cost // self._gas(outflow)
        if allowed < min(base + TIP, MAX_FEE):
            raise CostAboveBound(f"{base} wei per unit of gas costs more than the bound")
        return min(2 * base + TIP, MAX_FEE, allowed)

    def _signed(self, outflow: Outflow, gas: int, price: int) -> Signed:
        if outflow.nonce is None:
            raise NodeUnavailable("an outflow of this network has a nonce")
        tx = Tx(
            spends=frozenset({f"{HOT}/{outflow.nonce}"}),
            outputs=((outflow.address, outflow.asset.code, outflow.amount),),
            price=price,
            fee=gas * price,
            sender=HOT,
        )
        return Signed(encoded(tx), tx.id)
