"""The hot wallet of an EVM network: our nonces, and a key file or an external signer."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from domain.assets import Asset
from domain.chains.networks.evm import EvmNetwork, checksummed
from domain.chains.outflows import GasAboveCeiling, NetworkCoin, Outflow
from feeds.settlement.chains.evm.addresses import address_bytes
from feeds.settlement.chains.evm.assets import EvmAsset
from feeds.settlement.chains.evm.gas import GasFees, GasPricing, network_coin
from feeds.settlement.chains.evm.transaction import Transaction, keccak, signer_of
from feeds.settlement.chains.evm.transfer_check import ExpectedTransfer, require_transfer
from feeds.settlement.chains.evm.transfer_logs import TokenTransfer, token_transfers
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Prepared, Signed
from feeds.settlement.chains.rpc import Rpc

TRANSFER_CALL: Final = bytes.fromhex("a9059cbb")
"""The selector of ERC-20's transfer(address,uint256)."""
UNUSED_ADDRESS: Final = keccak(b"a recipient without a balance")[-20:]
"""Recipient of transfers whose gas is estimated, and which are never made."""
TYPICAL_TOKEN_GAS: Final = 65_000
"""The gas of an ERC-20 transfer to a new holder: two storage slots are written."""
COIN_GAS: Final = 21_000
"""The gas of a transfer of the coin to an address without code; such an estimate is exact."""

UNBOUNDED: Final = 2**255
"""The bound of a void's cost, in wei: only the operator's maximum fee applies to it."""


class EvmSigner(Protocol):
    """Signs for the hot wallet, with its key or through its key holder."""

    async def address(self) -> bytes:
        """Return the 20 bytes of the wallet's address."""

    async def sign(self, transaction: Transaction) -> bytes:
        """Return the signed transaction; raise Unavailable."""


class TransferDraft(msgspec.Struct, frozen=True):
    """A transfer before its fees are set: `to` as 20 bytes, `value` in wei, `gas` as the limit."""

    to: bytes
    value: int
    data: bytes
    gas: int


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
        network: EvmNetwork,
        pricing: GasPricing,
    ) -> None:
        """Sign for `chain_id` only, whatever the node reports (EIP-155)."""
        self._rpc = rpc
        self._identity = identity
        self._chain_id = chain_id
        self._signer = signer
        self._assets: Mapping[str, EvmAsset] = {one.code: one for one in assets}
        self._pricing = pricing
        self._coin = network_coin(network.coin)

    async def check_identity(self) -> None:
        """See Wallet."""
        await self._identity.require()

    async def addresses(self) -> Collection[str]:
        """See Wallet: the signer's."""
        return (checksummed("0x" + (await self._signer.address()).hex()),)

    @property
    def coin(self) -> NetworkCoin:
        """See Wallet."""
        return self._coin

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        """See Wallet. Raises if the node would reject the transaction, as for lack of funds."""
        draft = await self._draft(outflow)
        fees = await self._pricing.fees(draft.gas, draft.data, max_cost=max_cost)
        sender = "0x" + (await self._signer.address()).hex()
        nonce = int(await self._rpc.call("eth_getTransactionCount", sender, "pending"), 16)
        cost = draft.gas * fees.max_fee + await self._pricing.l1_fee(draft.data)
        return Prepared(nonce, cost)

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """See Wallet: nonces prevent it, so there is nothing to do."""

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        """See Wallet. The transaction that a signer returns must be exactly the requested one."""
        draft = await self._draft(outflow)
        fees = await self._pricing.fees(draft.gas, draft.data, max_cost=max_cost)
        return await self._signed(outflow, draft, fees)

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:
        """See Wallet. The same nonce: the chain can include only one of them. The same gas."""
        sent = await self._rpc.call("eth_getTransactionByHash", stuck)
        if outflow.nonce is None or sent is None or int(sent["nonce"], 16) != outflow.nonce:
            raise NodeUnavailable("the node does not have the transaction to be replaced")
        draft = await self._draft(outflow, gas=int(sent["gas"], 16))
        fees = await self._pricing.raised(_fees_of(sent), draft.gas, draft.data, max_cost=max_cost)
        return await self._signed(outflow, draft, fees)

    async def _signed(self, outflow: Outflow, draft: TransferDraft, fees: GasFees) -> Signed:
        if outflow.nonce is None:
            raise NodeUnavailable("an outflow of this network has a nonce")
        await self._identity.require(again=True)
        transaction = Transaction(
            chain_id=self._chain_id,
            nonce=outflow.nonce,
            max_priority_fee=fees.tip,
            max_fee=fees.max_fee,
            gas=draft.gas,
            to=draft.to,
            value=draft.value,
            data=draft.data,
        )
        raw = await self._signer.sign(transaction)
        if signer_of(transaction, raw) != await self._signer.address():
            raise NodeUnavailable("the signer returned another transaction than requested")
        return Signed("0x" + raw.hex(), "0x" + keccak(raw).hex())

    async def void(self, outflow: Outflow) -> Signed:
        """See Wallet. The same nonce, from the wallet to itself, without value."""
        own = await self._signer.address()
        call = {"from": "0x" + own.hex(), "to": "0x" + own.hex(), "value": "0x0"}
        draft = TransferDraft(own, 0, b"", await self._estimate(call))
        fees = await self._pricing.fees(draft.gas, draft.data, max_cost=UNBOUNDED)
        for candidate in outflow.candidates:
            sent = await self._rpc.call("eth_getTransactionByHash", candidate.tx_id)
            if sent is not None:
                fees = await self._pricing.raised(
                    _fees_of(sent), draft.gas, draft.data, max_cost=UNBOUNDED
                )
        return await self._signed(outflow, draft, fees)

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
        asset, receipt = self._asset(outflow), await self._receipt(tx_id)
        if asset.contract is None:
            return int(receipt["status"], 16) == 1
        recipient = "0x" + address_bytes(outflow.address).hex()
        paid = (one.amount for one in await self._moved(receipt) if one.recipient == recipient)
        return sum(paid) == outflow.amount * asset.scale

    async def fee_paid(self, tx_id: str) -> int:
        """See Wallet. `l1Fee` is in the receipts of rollups of the OP Stack."""
        receipt = await self._receipt(tx_id)
        execution = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        return execution + int(receipt.get("l1Fee") or "0x0", 16)

    async def has_failed(self, tx_id: str) -> bool:
        """See Wallet: a transaction with status 0 was reverted as a whole (EIP-658).

        A call of a token's contract that logged no transfer from the wallet moved nothing (EIP-20).
        """
        receipt = await self._receipt(tx_id)
        if int(receipt["status"], 16) == 0:
            return True
        contracts = {one.contract for one in self._assets.values() if one.contract is not None}
        called = str(receipt["to"] or "").lower()
        return called in contracts and not await self._moved(receipt)

    async def _receipt(self, tx_id: str) -> Mapping[str, Any]:
        receipt = await self._rpc.call("eth_getTransactionReceipt", tx_id)
        if receipt is None:
            raise NodeUnavailable(f"the node has no receipt of {tx_id}")
        return dict(receipt)

    async def _moved(self, receipt: Mapping[str, Any]) -> list[TokenTransfer]:
        """Return the transfers from the wallet that the called contract logged."""
        own = "0x" + (await self._signer.address()).hex()
        called = str(receipt["to"] or "").lower()
        return [
            one
            for one in token_transfers(receipt["logs"])
            if (one.contract, one.sender) == (called, own)
        ]

    async def typical_fee(self, asset: Asset) -> int | None:
        """See Wallet: a transfer to an address without a balance, which is the costlier kind."""
        known = self._assets.get(asset.code)
        if known is None:
            return None
        to, value, data = UNUSED_ADDRESS, known.scale, b""
        if known.contract is not None:
            to, value = bytes.fromhex(known.contract[2:]), 0
            data = transfer_call(UNUSED_ADDRESS, known.scale)
        call = {
            "from": "0x" + (await self._signer.address()).hex(),
            "to": "0x" + to.hex(),
            "value": hex(value),
            "data": "0x" + data.hex(),
        }
        try:
            gas = int(await self._rpc.call("eth_estimateGas", call), 16)
        except NodeRejected:  # as for an empty wallet
            gas = COIN_GAS if known.contract is None else TYPICAL_TOKEN_GAS
        return await self._pricing.expected(min(gas, known.max_gas), data)

    async def close(self) -> None:
        """See Wallet."""
        await self._rpc.close()

    def _asset(self, outflow: Outflow) -> EvmAsset:
        asset = self._assets.get(outflow.asset.code)
        if asset is None:
            raise NodeUnavailable(f"{outflow.asset.code} is not among the configured assets")
        return asset

    async def _draft(self, outflow: Outflow, *, gas: int | None = None) -> TransferDraft:
        """Return the transfer with `gas`, or with what it needs; raise GasAboveCeiling."""
        asset = self._asset(outflow)
        amount, recipient = outflow.amount * asset.scale, address_bytes(outflow.address)
        to, value, data = recipient, amount, b""
        if asset.contract is not None:
            to, value = bytes.fromhex(asset.contract[2:]), 0
            data = transfer_call(recipient, amount)
        call = {
            "from": "0x" + (await self._signer.address()).hex(),
            "to": "0x" + to.hex(),
            "value": hex(value),
            "data": "0x" + data.hex(),
        }
        if gas is None:
            gas = await self._gas(call, asset)
            if asset.contract is not None:
                paid = "0x" + recipient.hex()
                expected = ExpectedTransfer(asset.contract, call["from"], paid, amount)
                await require_transfer(self._rpc, call, expected)
        return TransferDraft(to, value, data, gas)

    async def _gas(self, call: Mapping[str, str], asset: EvmAsset) -> int:
        """Return the gas limit: a fifth above the node's estimate, at most the ceiling."""
        try:
            estimate = await self._estimate({**call, "gas": hex(asset.max_gas)})
        except NodeRejected:
            estimate = await self._estimate(call)
        if estimate > asset.max_gas:
            raise GasAboveCeiling(
                f"the transfer needs {estimate} gas, more than the ceiling of {asset.max_gas}"
            )
        return estimate if estimate == COIN_GAS else min(estimate * 6 // 5, asset.max_gas)

    async def _estimate(self, call: Mapping[str, str]) -> int:
        return int(await self._rpc.call("eth_estimateGas", call), 16)


def _fees_of(sent: Mapping[str, Any]) -> GasFees:
    """Return the fees of a transaction as a node reports it."""
    return GasFees(int(sent["maxFeePerGas"], 16), int(sent["maxPriorityFeePerGas"], 16))


def transfer_call(recipient: bytes, amount: int) -> bytes:
    """Return a call of ERC-20's transfer(address,uint256)."""
    return TRANSFER_CALL + recipient.rjust(32, b"\0") + amount.to_bytes(32, "big")
