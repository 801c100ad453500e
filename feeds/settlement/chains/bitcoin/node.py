"""A node of Bitcoin's family, over Core's RPC. It needs `txindex=1`: transactions by id."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from domain.chains.networks.bitcoin import BitcoinNetwork
from domain.chains.transfers import ObservedTransfer, PendingTransfers, Transfer
from feeds.settlement.chains.bitcoin.identity import OUT_OF_RANGE
from feeds.settlement.chains.bitcoin.scripts import address_of, script_of
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import NodeRejected, ProofUnavailable
from feeds.settlement.chains.rpc import Rpc

DECIMALS: Final = 8
NOT_FOUND: Final = -5
BATCH: Final = 100
MAX_PENDING: Final = 2_000
"""How many new transactions of the mempool are read in one round; the rest follow in the next."""


class BitcoinNode:
    """Node over Core's RPC, for a network with one asset of 8 decimals."""

    def __init__(
        self,
        rpc: Rpc,
        identity: IdentityCheck,
        *,
        network: BitcoinNetwork,
        asset: str,
        scans: Rpc,
    ) -> None:
        """`scans` is a connection whose calls may take as long as a scan of all outputs."""
        self._rpc = rpc
        self._scans = scans
        self._identity = identity
        self._network = network
        self._asset = asset
        self._seen: frozenset[str] = frozenset()

    async def check_identity(self, *, again: bool = False) -> None:
        """See Node."""
        await self._identity.require(again=again)

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
        return [
            transfer for transaction in block["tx"] for transfer in self._transfers(transaction)
        ]

    async def block_time(self, block_hash: str) -> datetime:
        """See Node. Miners' clocks may be up to two hours ahead of the network's, rarely are."""
        header = await self._rpc.call("getblockheader", block_hash)
        return datetime.fromtimestamp(int(header["time"]), UTC)

    async def pending(self) -> PendingTransfers:
        """See Node."""
        mempool = frozenset(await self._rpc.call("getrawmempool"))
        unread = sorted(mempool - self._seen)
        new = unread[:MAX_PENDING]
        transfers: list[Transfer] = []
        for start in range(0, len(new), BATCH):
            parameters = [[tx_id, True] for tx_id in new[start : start + BATCH]]
            for transaction in await self._rpc.batch("getrawtransaction", parameters):
                if transaction is not None:
                    transfers += self._transfers(transaction)
        self._seen = (self._seen & mempool) | frozenset(new)
        return PendingTransfers(transfers, is_complete=len(new) == len(unread))

    async def first_seen(self, tx_id: str) -> datetime | None:
        """See Node."""
        try:
            entry = await self._rpc.call("getmempoolentry", tx_id)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return datetime.fromtimestamp(int(entry["time"]), UTC)

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        """See Node."""
        try:
            transaction = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        script = script_of(self._network, address).hex()
        outputs = [out for out in transaction["vout"] if out["scriptPubKey"]["hex"] == script]
        amount = sum(units(out["value"]) for out in outputs)
        if asset != self._asset or amount == 0:
            return None
        if "blockhash" not in transaction:
            return ObservedTransfer(None, amount)
        if transaction.get("confirmations", 0) < 1:
            return None  # in a block that a reorganization removed
        header = await self._rpc.call("getblockheader", transaction["blockhash"])
        if header["confirmations"] < 1:
            return None
        return ObservedTransfer(int(header["height"]), amount)

    async def has_failed(self, tx_id: str) -> bool | None:
        """See Node: those in blocks are valid."""
        try:
            transaction = await self._rpc.call("getrawtransaction", tx_id, True)
        except NodeRejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return False if transaction.get("confirmations", 0) > 0 else None

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        """See Node: the set of unspent outputs has nothing of theirs.

        Without an index of addresses a node does not know what its owner has spent again.
        """
        scripts = {script_of(self._network, one).hex(): one for one in addresses}
        described = [f"raw({one})" for one in scripts]
        scanned = await self._scans.call("scantxoutset", "start", described)
        if not scanned.get("success"):
            raise ProofUnavailable(f"{self._scans.name} has not scanned its unspent outputs")
        paid = {scripts.get(one["scriptPubKey"]) for one in scanned["unspents"]}
        return frozenset(addresses) - paid

    async def close(self) -> None:
        """See Node."""
        await self._rpc.close()
        await self._scans.close()

    def _transfers(self, transaction: dict[str, Any]) -> Iterable[Transfer]:
        """Yield what a transaction transfers to each address in all."""
        sums: dict[str, int] = {}
        for out in transaction["vout"]:
            address = address_of(self._network, bytes.fromhex(out["scriptPubKey"]["hex"]))
            if address is not None:
                sums[address] = sums.get(address, 0) + units(out["value"])
        for address, amount in sums.items():
            yield Transfer(transaction["txid"], address, self._asset, amount)


def units(value: Decimal | int) -> int:
    """Return an amount of coins, as RPC reports it, in 10^-8."""
    return int(Decimal(value).scaleb(DECIMALS).to_integral_exact())
