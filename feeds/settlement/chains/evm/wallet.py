"""The hot wallet of an EVM network: nonces from us, keys from a file or an external signer."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from domain.chains.transfers import Outflow
from feeds.settlement.chains.evm.node import EvmAsset, address_bytes
from feeds.settlement.chains.evm.transaction import Transaction, keccak, signer_of
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Signed
from feeds.settlement.chains.rpc import Rpc

TRANSFER_CALL: Final = bytes.fromhex("a9059cbb")
"""The selector of ERC-20's transfer(address,uint256)."""
COIN_GAS: Final = 21_000
TOKEN_GAS: Final = 120_000
"""What is allowed where the node can't tell any more: a nonce that is given must be used."""
MIN_FEE_INCREASE: Final = 112
"""Nodes replace a transaction by one whose fees are at least 10 percent higher: hundredths."""


class EvmSigner(Protocol):
    """Holds the key of the hot wallet, or knows who does."""

    async def address(self) -> bytes:
        """Return the 20 bytes of the wallet's address."""

    async def sign(self, transaction: Transaction) -> bytes:
        """Return the signed transaction; raise Unavailable."""


class EvmWallet:
    """Wallet over JSON-RPC and a signer."""

    def __init__(
        self,
        rpc: Rpc,
        signer: EvmSigner,
        assets: Sequence[EvmAsset],
        *,
        max_fee_gwei: int,
    ) -> None:
        self._rpc = rpc
        self._signer = signer
        self._assets: Mapping[str, EvmAsset] = {one.code: one for one in assets}
        self._max_fee = max_fee_gwei * 10**9

    async def prepare(self, outflow: Outflow) -> int | None:
        """See Wallet. What the node would refuse for want of money or otherwise raises.

        So does a base fee that may not be paid: the transaction would hold up all that follow it.
        """
        base, _ = await self._fees()
        if base > self._max_fee:
            raise NodeUnavailable(f"the base fee is above what is allowed, {self._max_fee} wei")
        await self._rpc.call("eth_estimateGas", await self._call(outflow))
        sender = "0x" + (await self._signer.address()).hex()
        return int(await self._rpc.call("eth_getTransactionCount", sender, "pending"), 16)

    async def reserve(self, unfinished: Sequence[Outflow]) -> None:
        """See Wallet: nonces see to it."""

    async def sign(self, outflow: Outflow) -> Signed:
        """See Wallet. An external signer's answer is checked to the letter."""
        if outflow.nonce is None:
            raise NodeUnavailable("an outflow of this network has a nonce")
        base, tip = await self._fees()
        fees = min(2 * base + tip, self._max_fee), min(tip, self._max_fee)
        return await self._signed(outflow, outflow.nonce, fees)

    async def raise_fee(self, outflow: Outflow, stuck: str) -> Signed:
        """See Wallet. The same nonce: the chain takes one of them."""
        found = await self._rpc.call("eth_getTransactionByHash", stuck)
        if outflow.nonce is None or found is None or int(found["nonce"], 16) != outflow.nonce:
            raise NodeUnavailable("the node doesn't know what is to be replaced")
        base, tip = await self._fees()
        least = _raised(int(found["maxFeePerGas"], 16))
        least_tip = _raised(int(found["maxPriorityFeePerGas"], 16))
        if max(least, least_tip) > self._max_fee:
            raise NodeUnavailable(
                f"a higher fee would be above what is allowed, {self._max_fee} wei"
            )
        max_fee = min(max(least, 2 * base + tip), self._max_fee)
        fees = max(max_fee, least_tip), min(max(least_tip, tip), max_fee)
        return await self._signed(outflow, outflow.nonce, fees)

    async def _signed(self, outflow: Outflow, nonce: int, fees: tuple[int, int]) -> Signed:
        """Sign at fees in wei a unit of gas: the most in all, and the tip of it."""
        call = await self._call(outflow)
        transaction = Transaction(
            chain_id=int(await self._rpc.call("eth_chainId"), 16),
            nonce=nonce,
            max_priority_fee=fees[1],
            max_fee=fees[0],
            gas=await self._gas(call, outflow),
            to=bytes.fromhex(call["to"][2:]),
            value=int(call["value"], 16),
            data=bytes.fromhex(call["data"][2:]),
        )
        raw = await self._signer.sign(transaction)
        if signer_of(transaction, raw) != await self._signer.address():
            raise NodeUnavailable("the signer gave back another transaction than was asked for")
        return Signed("0x" + raw.hex(), "0x" + keccak(raw).hex())

    async def broadcast(self, signed: Signed) -> None:
        """See Wallet."""
        try:
            await self._rpc.call("eth_sendRawTransaction", signed.raw)
        except NodeRejected:
            if not await self.is_known(signed.tx_id):
                raise

    async def is_known(self, tx_id: str) -> bool:
        """See Wallet."""
        return await self._rpc.call("eth_getTransactionByHash", tx_id) is not None

    async def depth(self, tx_id: str) -> int:
        """See Wallet."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        if receipt is None:
            return 0
        height = int(await self._rpc.call("eth_blockNumber"), 16)
        return max(height - int(receipt["blockNumber"], 16) + 1, 0)

    async def is_spent_from(self, tx_id: str) -> bool:  # noqa: ARG002  the protocol's
        """See Wallet: nothing is, accounts have balances."""
        return False

    async def has_paid(self, tx_id: str) -> bool:
        """See Wallet."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        return receipt is not None and int(receipt["status"], 16) == 1

    async def _call(self, outflow: Outflow) -> dict[str, str]:
        asset = self._assets.get(outflow.asset.code)
        if asset is None:
            raise NodeUnavailable(f"{outflow.asset.code} isn't among the assets that are set")
        amount, recipient = outflow.amount * asset.scale, address_bytes(outflow.address)
        to, value, data = recipient, amount, b""
        if asset.contract is not None:
            to, value = bytes.fromhex(asset.contract[2:]), 0
            data = transfer_call(recipient, amount)
        return {
            "from": "0x" + (await self._signer.address()).hex(),
            "to": "0x" + to.hex(),
            "value": hex(value),
            "data": "0x" + data.hex(),
        }

    async def _gas(self, call: dict[str, str], outflow: Outflow) -> int:
        """Return the limit of gas: a fifth above what the node thinks is needed."""
        try:
            estimate = int(await self._rpc.call("eth_estimateGas", call), 16)
        except NodeRejected:
            own = self._assets[outflow.asset.code].contract is None
            return COIN_GAS if own else TOKEN_GAS
        return estimate if estimate == COIN_GAS else estimate * 6 // 5

    async def _fees(self) -> tuple[int, int]:
        """Return the base fee of the newest block and the tip, in wei a unit of gas."""
        block = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        tip = int(await self._rpc.call("eth_maxPriorityFeePerGas"), 16)
        return int(block["baseFeePerGas"], 16), tip


def _raised(fee: int) -> int:
    return fee * MIN_FEE_INCREASE // 100 + 1


def transfer_call(recipient: bytes, amount: int) -> bytes:
    """Return a call of ERC-20's transfer(address,uint256)."""
    return TRANSFER_CALL + recipient.rjust(32, b"\0") + amount.to_bytes(32, "big")
