"""A node of bitcoin's family, over Core's RPC. It needs `txindex=1`: transactions by id."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from domain.chains.networks.bitcoin import BitcoinNetwork
from domain.chains.transfers import Found, Transfer
from feeds.settlement.chains.bitcoin.scripts import address_of, script_of
from feeds.settlement.chains.interface import NodeRejected
from feeds.settlement.chains.rpc import Rpc

OUT_OF_RANGE: Final = -8
NOT_FOUND: Final = -5
AT_ONCE: Final = 100
MAX_PENDING: Final = 2_000
"""How many new transactions of the mempool are looked at in one go; the rest come next."""


class BitcoinNode:
    """Node over Core's RPC, for a network with one asset of 8 decimals."""

    def __init__(self, rpc: Rpc, *, network: BitcoinNetwork, asset: str) -> None:
        self._rpc = rpc
        self._network = network
        self._asset = asset
        self._seen: frozenset[str] = frozenset()

    async def height(self) -> int:
        """See Node."""
        return int(await self._rpc.call("getblockcount"))

    async def block_hash(self, height: int) -> str | None:
        """See Node."""
        try:
            return str(await self._rpc.call("getblockhash", height))
        except NodeRejected as error:
            if error.code == OUT_OF_RANGE:
                return None
            raise

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """See Node."""
        block = await self._rpc.call("getblock", block_hash, 2)
        return [one for transaction in block["tx"] for one in self._outputs(transaction)]

    async def pending(self) -> Sequence[Transfer]:
        """See Node."""
        now = frozenset(await self._rpc.call("getrawmempool"))
        new = sorted(now - self._seen)[:MAX_PENDING]
        found: list[Transfer] = []
        for start in range(0, len(new), AT_ONCE):
            asked = [[tx_id, True] for tx_id in new[start : start + AT_ONCE]]
            for transaction in await self._rpc.batch("getrawtransaction", asked):
                if transaction is not None:
                    found += self._outputs(transaction)
        self._seen = (self._seen & now) | frozenset(new)
        return found

    async def look_up(self, tx_id: str, address: str, asset: str) -> Found | None:
        """See Node."""
        try:
            transaction = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        script = script_of(self._network, address).hex()
        paid = [out for out in transaction["vout"] if out["scriptPubKey"]["hex"] == script]
        amount = sum(units(out["value"]) for out in paid)
        if asset != self._asset or amount == 0:
            return None
        if "blockhash" not in transaction:
            return Found(None, amount)
        if transaction.get("confirmations", 0) < 1:
            return None  # in a block that the chain has left behind
        header = await self._rpc.call("getblockheader", transaction["blockhash"])
        return Found(int(header["height"]), amount) if header["confirmations"] > 0 else None

    async def close(self) -> None:
        """See Node."""
        await self._rpc.close()

    def _outputs(self, transaction: dict[str, Any]) -> Iterable[Transfer]:
        """Yield what a transaction brings to each address, summed up."""
        sums: dict[str, int] = {}
        for out in transaction["vout"]:
            address = address_of(self._network, bytes.fromhex(out["scriptPubKey"]["hex"]))
            if address is not None:
                sums[address] = sums.get(address, 0) + units(out["value"])
        for address, amount in sums.items():
            yield Transfer(transaction["txid"], address, self._asset, amount)


def units(value: Decimal | int) -> int:
    """Return an amount of coins, as RPC gives it, in 10^-8."""
    return int(Decimal(value).scaleb(8).to_integral_exact())
