"""A node of an EVM network, over JSON-RPC: its own coin by transactions, tokens by their logs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from bip_utils import EthAddrDecoder
from bip_utils.utils.crypto import Kekkak256

from domain.chains.transfers import Found, Transfer
from feeds.settlement.chains.interface import NodeUnavailable
from feeds.settlement.chains.rpc import Rpc

TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""The first topic of ERC-20's event Transfer(address,address,uint256): its Keccak-256."""
RECEIPTS_AT_ONCE: Final = 50

_WORD = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class EvmAsset(msgspec.Struct, frozen=True):
    """An asset as its network counts it: `scale` of its units are one of ours.

    `contract` is a token's, in lower case; None for the network's own coin.
    """

    code: str
    contract: str | None
    scale: int


class EvmNode:
    """Node over JSON-RPC. Coins that a contract sends on its own account leave no trace here."""

    def __init__(self, rpc: Rpc, assets: Sequence[EvmAsset]) -> None:
        self._rpc = rpc
        self._assets: Mapping[str, EvmAsset] = {one.code: one for one in assets}
        self._own = next((one for one in assets if one.contract is None), None)
        self._tokens = {one.contract: one for one in assets if one.contract is not None}

    async def height(self) -> int:
        """See Node."""
        return int(await self._rpc.call("eth_blockNumber"), 16)

    async def block_hash(self, height: int) -> str | None:
        """See Node."""
        block = await self._rpc.call("eth_getBlockByNumber", hex(height), False)
        return str(block["hash"]) if block else None

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """See Node. A failed transaction moves nothing, so what looks like coins is looked up."""
        found: list[Transfer] = []
        if self._own is not None:
            block = await self._rpc.call("eth_getBlockByHash", block_hash, True)
            if block is None:
                raise NodeUnavailable(f"{self._rpc.name} has lost a block that it has just told of")
            found += self._coins(block["transactions"], self._own)
        if self._tokens:
            wanted = {"blockHash": block_hash, "address": list(self._tokens), "topics": [TRANSFER]}
            found += self._of_logs(await self._rpc.call("eth_getLogs", wanted))
        return found

    async def pending(self) -> Sequence[Transfer]:
        """See Node: blocks come so fast that their mempools aren't looked at."""
        return []

    async def look_up(self, tx_id: str, address: str, asset: str) -> Found | None:
        """See Node."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        if receipt is None or int(receipt["status"], 16) != 1:
            return None
        height = int(receipt["blockNumber"], 16)
        if await self.block_hash(height) != receipt["blockHash"]:
            return None
        known = self._assets.get(asset)
        if known is None:
            return None
        if known.contract is None:
            transaction = await self._rpc.call("eth_getTransactionByHash", tx_id)
            if transaction is None:
                return None
            found = self._coins([transaction], known)
        else:
            found = self._of_logs(receipt["logs"])
        amount = sum(one.amount for one in found if (one.address, one.asset) == (address, asset))
        return Found(height, amount) if amount else None

    async def close(self) -> None:
        """See Node."""
        await self._rpc.close()

    def _coins(self, transactions: Iterable[Mapping[str, Any]], own: EvmAsset) -> list[Transfer]:
        found = []
        for one in transactions:
            amount = int(one["value"], 16) // own.scale
            if one.get("to") and amount:
                found.append(Transfer(one["hash"], checksummed(one["to"]), own.code, amount))
        return found

    def _of_logs(self, logs: Iterable[Mapping[str, Any]]) -> list[Transfer]:
        """Return what Transfer events bring to each address, summed up by transaction."""
        sums: dict[tuple[str, str, str], int] = {}
        for one in logs:
            token = self._tokens.get(one["address"].lower())
            topics = one["topics"]
            if token is None or len(topics) != 3 or topics[0] != TRANSFER or one.get("removed"):
                continue
            if _WORD.fullmatch(one["data"]) is None:
                continue
            key = (one["transactionHash"], checksummed("0x" + topics[2][-40:]), token.code)
            sums[key] = sums.get(key, 0) + int(one["data"], 16)
        scaled = {key: value // self._assets[key[2]].scale for key, value in sums.items()}
        return [Transfer(*key, amount) for key, amount in scaled.items() if amount]


def checksummed(address: str) -> str:
    """Return an address with its checksum (EIP-55), as derivation writes it."""
    plain = address[2:].lower()
    digest = Kekkak256.QuickDigest(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(check, 16) >= 8 else letter
        for letter, check in zip(plain, digest, strict=False)
    )


def address_bytes(address: str) -> bytes:
    """Return the 20 bytes of an address; one with a wrong checksum raises ValueError."""
    single_case = address[2:] in (address[2:].lower(), address[2:].upper())
    decoded: str = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case).hex()
    return bytes.fromhex(decoded)
