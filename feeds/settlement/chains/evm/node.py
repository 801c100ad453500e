"""A node of an EVM network, over JSON-RPC: its coin by transactions, tokens by their logs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.chains.networks.evm import checksummed
from domain.chains.transfers import ObservedTransfer, PendingTransfers, Transfer
from feeds.settlement.chains.evm.assets import EvmAsset
from feeds.settlement.chains.evm.internal_transfers import internal_transfers
from feeds.settlement.chains.evm.sweep import balance_of, reported_numbers
from feeds.settlement.chains.evm.transfer_logs import TRANSFER, token_transfers
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import NodeUnavailable
from feeds.settlement.chains.rpc import Rpc


class EvmNode:
    """Node over JSON-RPC.

    Coins that a contract sends (internal transfers) are not detected in blocks, but looked up.
    """

    def __init__(self, rpc: Rpc, assets: Sequence[EvmAsset], identity: IdentityCheck) -> None:
        self._rpc = rpc
        self._identity = identity
        self._assets: Mapping[str, EvmAsset] = {one.code: one for one in assets}
        self._coin = next((one for one in assets if one.contract is None), None)
        self._tokens = {one.contract: one for one in assets if one.contract is not None}

    async def check_identity(self, *, again: bool = False) -> None:
        """See Node."""
        await self._identity.require(again=again)

    async def height(self) -> int:
        """See Node."""
        return int(await self._rpc.call("eth_blockNumber"), 16)

    async def block_hash(self, height: int) -> str | None:
        """See Node."""
        block = await self._rpc.call("eth_getBlockByNumber", hex(height), False)
        return str(block["hash"]) if block else None

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """See Node. Coins of failed transactions are included: `look_up` tells them apart."""
        transfers: list[Transfer] = []
        if self._coin is not None:
            block = await self._rpc.call("eth_getBlockByHash", block_hash, True)
            transfers += self._of_transactions(self._known(block)["transactions"], self._coin)
        if self._tokens:
            query = {"blockHash": block_hash, "address": list(self._tokens), "topics": [TRANSFER]}
            transfers += self._of_logs(await self._rpc.call("eth_getLogs", query))
        return transfers

    async def block_time(self, block_hash: str) -> datetime:
        """See Node."""
        block = await self._rpc.call("eth_getBlockByHash", block_hash, False)
        return datetime.fromtimestamp(int(self._known(block)["timestamp"], 16), UTC)

    async def pending(self) -> PendingTransfers:
        """See Node: blocks are so frequent that the mempool is not read."""
        return PendingTransfers((), is_complete=True)

    async def first_seen(self, tx_id: str) -> datetime | None:  # noqa: ARG002  the protocol's
        """See Node."""
        return None

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        """See Node."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        known = self._assets.get(asset)
        if receipt is None or known is None:
            return None
        if known.contract is None:
            amount = await self._coin_received(receipt, known, address)
        else:
            amount = _received(self._of_logs(receipt["logs"]), address, asset)
        height = int(receipt["blockNumber"], 16)
        if not amount or await self.block_hash(height) != receipt["blockHash"]:
            return None
        return ObservedTransfer(height, amount)

    async def has_failed(self, tx_id: str) -> bool | None:
        """See Node."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        return None if receipt is None else not _is_successful(receipt)

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        """See Node: nothing leaves an address without a transaction or a signature of its key.

        One with the nonce 0, no coin and none of the followed tokens was therefore never paid to.
        """
        latest = [[one, "latest"] for one in addresses]
        numbers = [
            await reported_numbers(self._rpc, "eth_getTransactionCount", latest),
            await reported_numbers(self._rpc, "eth_getBalance", latest),
        ]
        for token in self._tokens.values():
            calls = [balance_of(token, one) for one in addresses]
            numbers.append(await reported_numbers(self._rpc, "eth_call", calls))
        return frozenset(
            address for address, *found in zip(addresses, *numbers, strict=True) if not any(found)
        )

    async def close(self) -> None:
        """See Node."""
        await self._rpc.close()

    def _known(self, block: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if block is None:
            raise NodeUnavailable(f"{self._rpc.name} no longer has a block it has just reported")
        return block

    async def _coin_received(self, receipt: Mapping[str, Any], coin: EvmAsset, address: str) -> int:
        """Return the coin that a mined transaction brought to an address; 0 if it failed.

        Only a transaction that does not pay the address itself is traced: a pay-in address has no
        code, so that nothing else happens in one that pays it.
        """
        if not _is_successful(receipt):
            return 0
        tx_id = receipt["transactionHash"]
        transaction = await self._rpc.call("eth_getTransactionByHash", tx_id)
        if transaction is None:
            return 0
        direct = _received(self._of_transactions([transaction], coin), address, coin.code)
        return direct or await internal_transfers(self._rpc, receipt, address) // coin.scale

    def _of_transactions(
        self, transactions: Iterable[Mapping[str, Any]], coin: EvmAsset
    ) -> list[Transfer]:
        """Return the coin that transactions transfer themselves."""
        transfers = []
        for one in transactions:
            amount = int(one["value"], 16) // coin.scale
            if one.get("to") and amount:
                transfers.append(Transfer(one["hash"], checksummed(one["to"]), coin.code, amount))
        return transfers

    def _of_logs(self, logs: Iterable[Mapping[str, Any]]) -> list[Transfer]:
        """Return what Transfer events bring to each address, summed up per transaction."""
        sums: dict[tuple[str, str, str], int] = {}
        for one in token_transfers(logs):
            token = self._tokens.get(one.contract)
            if token is not None:
                key = (one.tx_id, checksummed(one.recipient), token.code)
                sums[key] = sums.get(key, 0) + one.amount
        scaled = {key: value // self._assets[key[2]].scale for key, value in sums.items()}
        return [Transfer(*key, amount) for key, amount in scaled.items() if amount]


def _is_successful(receipt: Mapping[str, Any]) -> bool:
    return int(receipt["status"], 16) == 1


def _received(transfers: Iterable[Transfer], address: str, asset: str) -> int:
    return sum(one.amount for one in transfers if (one.address, one.asset) == (address, asset))
