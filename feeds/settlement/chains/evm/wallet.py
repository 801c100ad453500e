"""The hot wallet of an EVM network: our nonces, and a key file or an external signer."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from domain.chains.outflows import Outflow
from feeds.settlement.chains.evm.addresses import address_bytes
from feeds.settlement.chains.evm.assets import EvmAsset
from feeds.settlement.chains.evm.transaction import Transaction, keccak, signer_of
from feeds.settlement.chains.evm.transfer_logs import token_transfers
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Signed
from feeds.settlement.chains.rpc import Rpc

TRANSFER_CALL: Final = bytes.fromhex("a9059cbb")
"""The selector of ERC-20's transfer(address,uint256)."""
GWEI: Final = 10**9
COIN_GAS: Final = 21_000
TOKEN_GAS: Final = 120_000
"""The gas limit if the node cannot estimate it: a nonce that was assigned must be used."""
MIN_FEE_INCREASE: Final = 112
"""In percent: nodes accept a replacement whose fees are at least 10 % higher."""


class EvmSigner(Protocol):
    """Signs for the hot wallet, with its key or through its key holder."""

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
        identity: IdentityCheck,
        chain_id: int,
        max_fee_gwei: int,
    ) -> None:
        """Sign for `chain_id` only, whatever the node reports (EIP-155)."""
        self._rpc = rpc
        self._identity = identity
        self._chain_id = chain_id
        self._signer = signer
        self._assets: Mapping[str, EvmAsset] = {one.code: one for one in assets}
        self._max_fee = max_fee_gwei * GWEI

    async def check_identity(self) -> None:
        """See Wallet."""
        await self._identity.require()

    async def prepare(self, outflow: Outflow) -> int | None:
        """See Wallet. Raises if the node would reject the transaction, as for lack of funds.

        Also for a base fee above the maximum: the transaction would block all that follow it.
        """
        base, _ = await self._fees()
        if base > self._max_fee:
            raise NodeUnavailable(f"the base fee is above the maximum, {self._max_fee} wei")
        await self._rpc.call("eth_estimateGas", await self._call(outflow))
        sender = "0x" + (await self._signer.address()).hex()
        return int(await self._rpc.call("eth_getTransactionCount", sender, "pending"), 16)

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """See Wallet: nonces prevent it, so there is nothing to do."""

    async def sign(self, outflow: Outflow) -> Signed:
        """See Wallet. The transaction that a signer returns must be exactly the requested one."""
        if outflow.nonce is None:
            raise NodeUnavailable("an outflow of this network has a nonce")
        base, tip = await self._fees()
        fees = min(2 * base + tip, self._max_fee), min(tip, self._max_fee)
        return await self._signed(outflow, outflow.nonce, fees)

    async def raise_fee(self, outflow: Outflow, stuck: str) -> Signed:
        """See Wallet. The same nonce: the chain can include only one of them."""
        sent = await self._rpc.call("eth_getTransactionByHash", stuck)
        if outflow.nonce is None or sent is None or int(sent["nonce"], 16) != outflow.nonce:
            raise NodeUnavailable("the node does not have the transaction to be replaced")
        base, tip = await self._fees()
        min_fee = _raised(int(sent["maxFeePerGas"], 16))
        min_tip = _raised(int(sent["maxPriorityFeePerGas"], 16))
        if max(min_fee, min_tip) > self._max_fee:
            raise NodeUnavailable(f"a higher fee would be above the maximum, {self._max_fee} wei")
        max_fee = min(max(min_fee, 2 * base + tip), self._max_fee)
        fees = max(max_fee, min_tip), min(max(min_tip, tip), max_fee)
        return await self._signed(outflow, outflow.nonce, fees)

    async def _signed(self, outflow: Outflow, nonce: int, fees: tuple[int, int]) -> Signed:
        """Sign with fees in wei per unit of gas: the maximum, and the part of it for the miner."""
        await self._identity.require(again=True)
        call = await self._call(outflow)
        transaction = Transaction(
            chain_id=self._chain_id,
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
            raise NodeUnavailable("the signer returned another transaction than requested")
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
        """See Wallet: accounts have balances, not change."""
        return False

    async def has_paid(self, outflow: Outflow, tx_id: str) -> bool:
        """See Wallet. A token's events prove it: its transaction may succeed and move nothing."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        asset = self._assets.get(outflow.asset.code)
        if receipt is None or asset is None:
            return False
        if asset.contract is None:
            return int(receipt["status"], 16) == 1
        sender = "0x" + (await self._signer.address()).hex()
        recipient = "0x" + address_bytes(outflow.address).hex()
        paid = (
            one.amount
            for one in token_transfers(receipt["logs"])
            if (one.contract, one.sender, one.recipient) == (asset.contract, sender, recipient)
        )
        return sum(paid) == outflow.amount * asset.scale

    async def close(self) -> None:
        """See Wallet."""
        await self._rpc.close()

    async def _call(self, outflow: Outflow) -> dict[str, str]:
        asset = self._assets.get(outflow.asset.code)
        if asset is None:
            raise NodeUnavailable(f"{outflow.asset.code} is not among the configured assets")
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
        """Return the gas limit: a fifth above the node's estimate."""
        try:
            estimate = int(await self._rpc.call("eth_estimateGas", call), 16)
        except NodeRejected:
            is_coin = self._assets[outflow.asset.code].contract is None
            return COIN_GAS if is_coin else TOKEN_GAS
        return estimate if estimate == COIN_GAS else estimate * 6 // 5

    async def _fees(self) -> tuple[int, int]:
        """Return the newest block's base fee and the tip, in wei per unit of gas."""
        block = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        tip = int(await self._rpc.call("eth_maxPriorityFeePerGas"), 16)
        return int(block["baseFeePerGas"], 16), tip


def _raised(fee: int) -> int:
    return fee * MIN_FEE_INCREASE // 100 + 1


def transfer_call(recipient: bytes, amount: int) -> bytes:
    """Return a call of ERC-20's transfer(address,uint256)."""
    return TRANSFER_CALL + recipient.rjust(32, b"\0") + amount.to_bytes(32, "big")
