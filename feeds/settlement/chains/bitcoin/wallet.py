"""The hot wallet of a network of Bitcoin's family: its node's wallet, which holds the keys."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from domain.assets import Asset
from domain.chains.networks.bitcoin import BitcoinNetwork
from domain.chains.outflows import CostAboveBound, NetworkCoin, Outflow
from domain.money import quantize_up
from feeds.settlement.chains.bitcoin.addresses import WalletAddresses
from feeds.settlement.chains.bitcoin.node import DECIMALS, NOT_FOUND, units
from feeds.settlement.chains.bitcoin.scripts import script_of, unsigned
from feeds.settlement.chains.bitcoin.voids import inputs_of, void_transaction
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Prepared, Signed
from feeds.settlement.chains.rpc import Rpc

TYPICAL_VBYTES: Final = 226
"""The size of a payout: one legacy input, or two of segwit, and two outputs (BIP 141)."""
VBYTES_PER_KVB: Final = 1_000
CONFIRMATION_TARGET: Final = 6
"""In blocks, as Core's wallet assumes by default."""


class BitcoinWallet:
    """Wallet over Core's wallet RPC. `rpc` is the wallet's own path, `/wallet/<name>`.

    fundrawtransaction selects the inputs, which are what makes a transaction unique.
    """

    def __init__(
        self,
        rpc: Rpc,
        identity: IdentityCheck,
        *,
        network: BitcoinNetwork,
        coin: str,
        fee_rate: Decimal | None,
        max_fee: Decimal,
    ) -> None:
        """Pay `fee_rate` coins per kvB, or the node's estimate; never more than `max_fee` coins."""
        self._rpc = rpc
        self._identity = identity
        self._coin = NetworkCoin(coin, DECIMALS)
        self._network = network
        self._fee_rate = fee_rate
        self._max_fee = units(max_fee)
        self._addresses = WalletAddresses(rpc, network=network)

    async def check_identity(self) -> None:
        """See Wallet."""
        await self._identity.require()

    @property
    def coin(self) -> NetworkCoin:
        """See Wallet."""
        return self._coin

    async def addresses(self) -> Collection[str]:
        """See Wallet."""
        return await self._addresses.read()

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        """See Wallet. The fee is known only once inputs are selected: `sign` checks it."""
        balance = units(await self._rpc.call("getbalance", "*", 0))
        if balance <= outflow.amount:
            raise NodeUnavailable(f"the hot wallet of {self._network.name} has too little")
        return Prepared(None, min(max_cost, self._max_fee))

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """See Wallet. Inputs selected for a transaction that was never stored are unlocked.

        The node keeps locks in memory until it restarts; settlement alone uses this wallet.
        """
        needed: set[tuple[str, int]] = set()
        for outflow in unbroadcast:
            for candidate in outflow.candidates:
                needed |= inputs_of(await self._rpc.call("decoderawtransaction", candidate.raw))
        locked = {(one["txid"], one["vout"]) for one in await self._rpc.call("listlockunspent")}
        for unlock, outputs in ((True, locked - needed), (False, needed - locked)):
            for tx_id, index in sorted(outputs):
                with suppress(NodeRejected):  # spent already, possibly by this very transaction
                    await self._rpc.call("lockunspent", unlock, [{"txid": tx_id, "vout": index}])

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        """See Wallet."""
        await self._identity.require(again=True)
        script = script_of(self._network, outflow.address)
        options: dict[str, Any] = {"lockUnspents": True}
        if self._network.replaces_by_fee:
            options["replaceable"] = True
        if self._fee_rate is not None:
            options["feeRate"] = str(self._fee_rate)
        draft = unsigned(script, outflow.amount).hex()
        # An input count of 0 looks like the marker of segwit: `False` states that it is not.
        funded = await self._rpc.call("fundrawtransaction", draft, options, False)
        signed = await self._rpc.call("signrawtransactionwithwallet", funded["hex"])
        decoded = await self._checked(outflow, signed, fee=funded["fee"], max_cost=max_cost)
        return Signed(signed["hex"], decoded["txid"])

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:
        """See Wallet. By psbtbumpfee: the same inputs, and more if necessary.

        The node rejects this if another payout spends this one's change; a higher fee of that
        payout then helps both.
        """
        if not self._network.replaces_by_fee:
            raise NodeUnavailable(f"nodes of {self._network.name} do not replace transactions")
        await self._identity.require(again=True)
        bumped = await self._rpc.call("psbtbumpfee", stuck, {"replaceable": True})
        processed = await self._rpc.call("walletprocesspsbt", bumped["psbt"])
        signed = await self._rpc.call("finalizepsbt", processed["psbt"])
        decoded = await self._checked(outflow, signed, fee=bumped["fee"], max_cost=max_cost)
        spent = await self._rpc.call("decoderawtransaction", outflow.candidates[0].raw)
        if not inputs_of(spent) <= inputs_of(decoded):
            raise NodeUnavailable(f"the wallet of {self._network.name} would pay a second time")
        return Signed(signed["hex"], decoded["txid"])

    async def void(self, outflow: Outflow) -> Signed:
        """See Wallet. All inputs of the first candidate, which every other one spends too.

        The fee exceeds that of each candidate by a quarter, and the transaction is no larger
        (BIP-125, rules 3, 4 and 6).
        """
        await self._identity.require(again=True)
        for candidate in outflow.candidates:
            if await self.is_spent_from(candidate.tx_id):
                raise NodeUnavailable("its change is spent by a later payout: void that one first")
            if not self._network.replaces_by_fee and await self.is_known(candidate.tx_id):
                raise NodeUnavailable(f"nodes of {self._network.name} do not replace transactions")
        return await void_transaction(
            self._rpc, [one.raw for one in outflow.candidates], max_fee=self._max_fee
        )

    async def _checked(
        self, outflow: Outflow, signed: dict[str, Any], *, fee: Decimal, max_cost: int
    ) -> dict[str, Any]:
        """Return the decoded transaction; raise NodeUnavailable if it is not what was requested.

        Raises CostAboveBound for a fee above `max_cost`.
        """
        if not signed.get("complete"):
            raise NodeUnavailable(f"the wallet of {self._network.name} cannot sign")
        decoded: dict[str, Any] = await self._rpc.call("decoderawtransaction", signed["hex"])
        script = script_of(self._network, outflow.address).hex()
        amounts = [
            units(out["value"]) for out in decoded["vout"] if out["scriptPubKey"]["hex"] == script
        ]
        if amounts != [outflow.amount]:
            raise NodeUnavailable(f"the wallet of {self._network.name} signed something else")
        if units(fee) > self._max_fee:
            raise NodeUnavailable(f"the fee on {self._network.name} is above the maximum")
        if units(fee) > max_cost:
            raise CostAboveBound(
                f"a fee of {fee} is more than the bound, {Decimal(max_cost).scaleb(-DECIMALS)}"
            )
        return decoded

    async def broadcast(self, signed: Signed) -> None:
        """See Wallet."""
        try:
            await self._rpc.call("sendrawtransaction", signed.raw)
        except NodeRejected:
            if not await self.is_known(signed.tx_id):
                raise

    async def is_known(self, tx_id: str) -> bool:
        """See Wallet."""
        transaction = await self._transaction(tx_id)
        if transaction is None:
            return False
        return "blockhash" not in transaction or transaction.get("confirmations", 0) > 0

    async def depth(self, tx_id: str) -> int:
        """See Wallet."""
        transaction = await self._transaction(tx_id)
        return int(transaction.get("confirmations", 0)) if transaction else 0

    async def is_spent_from(self, tx_id: str) -> bool:
        """See Wallet."""
        try:
            entry = await self._rpc.call("getmempoolentry", tx_id)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return False
            raise
        return int(entry["descendantcount"]) > 1

    async def has_paid(self, outflow: Outflow, tx_id: str) -> bool:  # noqa: ARG002  the protocol's
        """See Wallet: a block contains no transaction that fails."""
        if await self.depth(tx_id) == 0:
            raise NodeUnavailable(f"transaction {tx_id} is in no block")
        return True

    async def fee_paid(self, tx_id: str) -> int:
        """See Wallet: the wallet reports it as a negative number."""
        return -units((await self._rpc.call("gettransaction", tx_id))["fee"])

    async def has_failed(self, tx_id: str) -> bool:  # noqa: ARG002  the protocol's
        """See Wallet: a block contains no transaction that fails."""
        return False

    async def typical_fee(self, asset: Asset) -> int | None:  # noqa: ARG002  the only one
        """See Wallet: of a usual size, at the rate that `sign` would pay."""
        rate = self._fee_rate
        if rate is None:
            found = await self._rpc.call("estimatesmartfee", CONFIRMATION_TARGET)
            rate = found.get("feerate")
        if rate is None or rate <= 0:
            return None
        return min(quantize_up(units(rate) * TYPICAL_VBYTES, VBYTES_PER_KVB), self._max_fee)

    async def close(self) -> None:
        """See Wallet."""
        await self._rpc.close()

    async def _transaction(self, tx_id: str) -> dict[str, Any] | None:
        try:
            transaction: dict[str, Any] = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return transaction
