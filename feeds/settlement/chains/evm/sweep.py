"""Drafts what moves an asset of an EVM network from pay-in addresses to one, unsigned."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from feeds.settlement.chains.evm.node import EvmAsset, address_bytes
from feeds.settlement.chains.evm.signers import SignRequest
from feeds.settlement.chains.evm.wallet import COIN_GAS, TOKEN_GAS, transfer_call
from feeds.settlement.chains.interface import NodeUnavailable
from feeds.settlement.chains.rpc import Rpc

AT_ONCE: Final = 100


class FundedAddress(msgspec.Struct, frozen=True):
    """An address that an order had, by its index in its account."""

    address: str
    index: int


class Unsigned(SignRequest, rename="camel"):
    """A transfer as an external signer takes it, and the index of who is to sign."""

    index: int
    has_gas: bool
    """Whether the address can pay for it; a token's often can't before it is given some coin."""


async def draft_transfers(
    rpc: Rpc, asset: EvmAsset, purses: Sequence[FundedAddress], *, to: str, max_fee: int
) -> list[Unsigned]:
    """Return a transfer for each address with a balance of the asset.

    Raises NodeUnavailable and NodeRejected.

    `max_fee` is wei a unit of gas: a coin's transfer leaves that much behind for its own gas.
    """
    coins = await _numbers(rpc, "eth_getBalance", [[one.address, "latest"] for one in purses])
    held = coins
    if asset.contract is not None:
        held = await _numbers(rpc, "eth_call", [_balance_of(asset, one) for one in purses])
    gas = COIN_GAS if asset.contract is None else TOKEN_GAS
    chain_id = str(await rpc.call("eth_chainId"))
    tip = min(int(await rpc.call("eth_maxPriorityFeePerGas"), 16), max_fee)
    recipient, drafts = address_bytes(to), []
    for purse, coin, amount in zip(purses, coins, held, strict=True):
        token = asset.contract is not None
        value = 0 if token else amount - gas * max_fee
        if amount <= 0 or (not token and value <= 0):
            continue
        nonce = await rpc.call("eth_getTransactionCount", purse.address, "pending")
        drafts.append(
            Unsigned(
                chain_id=chain_id,
                nonce=nonce,
                max_priority_fee_per_gas=hex(tip),
                max_fee_per_gas=hex(max_fee),
                gas=hex(gas),
                to=asset.contract or to,
                value=hex(value),
                data="0x" + (transfer_call(recipient, amount).hex() if token else ""),
                sender=purse.address,
                index=purse.index,
                has_gas=not token or coin >= gas * max_fee,
            )
        )
    return drafts


async def _numbers(rpc: Rpc, method: str, calls: Sequence[Sequence[object]]) -> list[int]:
    found: list[Any] = []
    for start in range(0, len(calls), AT_ONCE):
        found += await rpc.batch(method, calls[start : start + AT_ONCE])
    if any(one is None for one in found):
        raise NodeUnavailable(f"{rpc.name} doesn't tell all balances")
    return [int(one, 16) for one in found]


def _balance_of(asset: EvmAsset, purse: FundedAddress) -> list[object]:
    """Return a call of ERC-20's balanceOf(address)."""
    data = "0x70a08231" + address_bytes(purse.address).rjust(32, b"\0").hex()
    return [{"to": asset.contract, "data": data}, "latest"]
