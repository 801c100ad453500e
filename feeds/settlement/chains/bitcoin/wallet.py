"""The hot wallet of a network of bitcoin's family: the one of its node, which holds the keys."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from domain.chains.networks.bitcoin import BitcoinNetwork
from domain.chains.transfers import Outflow
from feeds.settlement.chains.bitcoin.node import NOT_FOUND, units
from feeds.settlement.chains.bitcoin.scripts import script_of, unsigned
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Signed
from feeds.settlement.chains.rpc import Rpc


class BitcoinWallet:
    """Wallet over Core's wallet RPC. `rpc` is the wallet's own path, `/wallet/<name>`.

    Inputs are chosen by fundrawtransaction, and are what makes a transaction unique.
    """

    def __init__(
        self, rpc: Rpc, *, network: BitcoinNetwork, fee_rate: Decimal | None, max_fee: Decimal
    ) -> None:
        """Pay `fee_rate` coins a kvB, or what the node estimates; never above `max_fee` coins."""
        self._rpc = rpc
        self._network = network
        self._fee_rate = fee_rate
        self._max_fee = units(max_fee)

    async def prepare(self, outflow: Outflow) -> int | None:
        """See Wallet."""
        balance = units(await self._rpc.call("getbalance", "*", 0))
        if balance <= outflow.amount:
            raise NodeUnavailable(f"the hot wallet of {self._network.name} holds too little")
        return None

    async def reserve(self, unfinished: Sequence[Outflow]) -> None:
        """See Wallet. What was chosen for something that was never stored is let go again.

        The node keeps locks in its memory, until it is restarted; the wallet is ours alone.
        """
        wanted: set[tuple[str, int]] = set()
        for outflow in unfinished:
            for candidate in outflow.candidates:
                wanted |= _inputs(await self._rpc.call("decoderawtransaction", candidate.raw))
        locked = {(one["txid"], one["vout"]) for one in await self._rpc.call("listlockunspent")}
        for unlock, places in ((True, locked - wanted), (False, wanted - locked)):
            for tx_id, index in sorted(places):
                with suppress(NodeRejected):  # spent already, perhaps by this very transaction
                    await self._rpc.call("lockunspent", unlock, [{"txid": tx_id, "vout": index}])

    async def sign(self, outflow: Outflow) -> Signed:
        """See Wallet."""
        script = script_of(self._network, outflow.address)
        options: dict[str, Any] = {"lockUnspents": True}
        if self._network.replaces_by_fee:
            options["replaceable"] = True
        if self._fee_rate is not None:
            options["feeRate"] = str(self._fee_rate)
        draft = unsigned(script, outflow.amount).hex()
        # Without inputs a count of 0 looks like segwit's marker: it has to be told that it isn't.
        funded = await self._rpc.call("fundrawtransaction", draft, options, False)
        signed = await self._rpc.call("signrawtransactionwithwallet", funded["hex"])
        decoded = await self._checked(outflow, signed, fee=funded["fee"])
        return Signed(signed["hex"], decoded["txid"])

    async def raise_fee(self, outflow: Outflow, stuck: str) -> Signed:
        """See Wallet. The node's own way of doing it: the same inputs, and more if need be.

        It refuses where another payout spends the change of this one, which helps it along when it
        gets a higher fee itself.
        """
        if not self._network.replaces_by_fee:
            raise NodeUnavailable(f"nodes of {self._network.name} don't replace transactions")
        bumped = await self._rpc.call("psbtbumpfee", stuck, {"replaceable": True})
        processed = await self._rpc.call("walletprocesspsbt", bumped["psbt"])
        signed = await self._rpc.call("finalizepsbt", processed["psbt"])
        decoded = await self._checked(outflow, signed, fee=bumped["fee"])
        spent = await self._rpc.call("decoderawtransaction", outflow.candidates[0].raw)
        if not _inputs(spent) <= _inputs(decoded):
            raise NodeUnavailable(f"the wallet of {self._network.name} would pay twice")
        return Signed(signed["hex"], decoded["txid"])

    async def _checked(
        self, outflow: Outflow, signed: dict[str, Any], *, fee: Decimal
    ) -> dict[str, Any]:
        """Return the decoded transaction; raise NodeUnavailable if it differs from the draft."""
        if not signed.get("complete"):
            raise NodeUnavailable(f"the wallet of {self._network.name} doesn't sign")
        decoded: dict[str, Any] = await self._rpc.call("decoderawtransaction", signed["hex"])
        script = script_of(self._network, outflow.address).hex()
        paid = [
            units(one["value"]) for one in decoded["vout"] if one["scriptPubKey"]["hex"] == script
        ]
        if paid != [outflow.amount]:
            raise NodeUnavailable(f"the wallet of {self._network.name} signed something else")
        if units(fee) > self._max_fee:
            raise NodeUnavailable(f"the fee on {self._network.name} is above what is allowed")
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
        found = await self._transaction(tx_id)
        return found is not None and ("blockhash" not in found or found.get("confirmations", 0) > 0)

    async def depth(self, tx_id: str) -> int:
        """See Wallet."""
        found = await self._transaction(tx_id)
        return int(found.get("confirmations", 0)) if found else 0

    async def is_spent_from(self, tx_id: str) -> bool:
        """See Wallet."""
        try:
            entry = await self._rpc.call("getmempoolentry", tx_id)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return False
            raise
        return int(entry["descendantcount"]) > 1

    async def has_paid(self, tx_id: str) -> bool:
        """See Wallet: a block takes nothing that fails."""
        return await self.depth(tx_id) > 0

    async def _transaction(self, tx_id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return found


def _inputs(decoded: dict[str, Any]) -> set[tuple[str, int]]:
    """Return what a transaction spends: transaction ids and numbers of outputs."""
    return {(one["txid"], one["vout"]) for one in decoded["vin"]}
