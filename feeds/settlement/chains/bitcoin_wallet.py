"""The hot wallet of a network of bitcoin's family: the one of its node, which holds the keys."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from domain.chains import Outflow
from feeds.settlement.chains.bitcoin import NOT_FOUND, units
from feeds.settlement.chains.node import NodeAway, NodeRefused, Signed
from feeds.settlement.chains.rpc import Rpc
from feeds.settlement.chains.scripts import script_of

VERSION: Final = (2).to_bytes(4, "little")
NO_LOCK_TIME: Final = bytes(4)


class BitcoinWallet:
    """Wallet over Core's wallet RPC. `rpc` is the wallet's own path, `/wallet/<name>`.

    Inputs are chosen by fundrawtransaction, and are what makes a transaction unique.
    """

    def __init__(
        self, rpc: Rpc, *, network: str, fee_rate: Decimal | None, max_fee: Decimal
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
            raise NodeAway(f"the hot wallet of {self._network} holds too little")
        return None

    async def reserve(self, unfinished: Sequence[Outflow]) -> None:
        """See Wallet. What was chosen for something that was never stored is let go again.

        The node keeps locks in its memory, until it is restarted; the wallet is ours alone.
        """
        wanted: set[tuple[str, int]] = set()
        for outflow in unfinished:
            if outflow.raw is not None:
                decoded = await self._rpc.call("decoderawtransaction", outflow.raw)
                wanted |= {(one["txid"], one["vout"]) for one in decoded["vin"]}
        locked = {(one["txid"], one["vout"]) for one in await self._rpc.call("listlockunspent")}
        for unlock, places in ((True, locked - wanted), (False, wanted - locked)):
            for tx_id, index in sorted(places):
                with suppress(NodeRefused):  # spent already, perhaps by this very transaction
                    await self._rpc.call("lockunspent", unlock, [{"txid": tx_id, "vout": index}])

    async def sign(self, outflow: Outflow) -> Signed:
        """See Wallet."""
        script = script_of(self._network, outflow.address)
        options: dict[str, Any] = {"lockUnspents": True}
        if self._fee_rate is not None:
            options["feeRate"] = str(self._fee_rate)
        draft = _one_output(script, outflow.amount).hex()
        # Without inputs a count of 0 looks like segwit's marker: it has to be told that it isn't.
        funded = await self._rpc.call("fundrawtransaction", draft, options, False)
        signed = await self._rpc.call("signrawtransactionwithwallet", funded["hex"])
        decoded = await self._rpc.call("decoderawtransaction", signed["hex"])
        paid = [
            units(one["value"])
            for one in decoded["vout"]
            if one["scriptPubKey"]["hex"] == script.hex()
        ]
        if not signed.get("complete") or paid != [outflow.amount]:
            raise NodeAway(f"the wallet of {self._network} signed something else")
        if units(funded["fee"]) > self._max_fee:
            raise NodeAway(f"the fee on {self._network} is above what is allowed")
        return Signed(signed["hex"], decoded["txid"])

    async def broadcast(self, signed: Signed) -> None:
        """See Wallet."""
        try:
            await self._rpc.call("sendrawtransaction", signed.raw)
        except NodeRefused:
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

    async def _transaction(self, tx_id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRefused as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return found


def _one_output(script: bytes, amount: int) -> bytes:
    """Return a transaction without inputs that pays to a script; scripts are below 253 bytes."""
    output = amount.to_bytes(8, "little") + bytes((len(script),)) + script
    return VERSION + b"\x00\x01" + output + NO_LOCK_TIME
