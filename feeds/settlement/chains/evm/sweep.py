"""Drafts unsigned transfers that sweep an asset of an EVM network from pay-in addresses."""

from collections.abc import Sequence
from typing import Any, Final

from feeds.settlement.chains.evm.addresses import address_bytes
from feeds.settlement.chains.evm.assets import EvmAsset, evm_assets
from feeds.settlement.chains.evm.gas import GWEI
from feeds.settlement.chains.evm.settings import EvmSettings, chain_id_of
from feeds.settlement.chains.evm.signers import SignRequest
from feeds.settlement.chains.evm.wallet import COIN_GAS, transfer_call
from feeds.settlement.chains.interface import Chain, NodeUnavailable, SweepRequest
from feeds.settlement.chains.rpc import Rpc

BATCH: Final = 100
TOKEN_GAS: Final = 120_000
"""The gas limit of a token's transfer: nothing is estimated for addresses without coins."""


class UnsignedTransfer(SignRequest, rename="camel"):
    """A transfer in the form of external signers, with the index of the address that signs it."""

    index: int
    has_gas: bool
    """Whether the address has enough coin for the fee; token holders often have none."""


async def draft_sweep(
    rpc: Rpc, chain: Chain[EvmSettings], request: SweepRequest
) -> list[UnsignedTransfer]:
    """Return a transfer for each assigned address with a balance of the asset.

    A transfer of the coin leaves its own maximum fee behind. Raises NodeUnavailable and
    NodeRejected.
    """
    asset = next(one for one in evm_assets(chain) if one.code == request.asset.code)
    addresses = await request.assigned.assigned(chain.network.name)
    max_fee = request.options.max_fee_gwei * GWEI
    coins = await reported_numbers(
        rpc, "eth_getBalance", [[one.address, "latest"] for one in addresses]
    )
    balances = coins
    if asset.contract is not None:
        balances = await reported_numbers(
            rpc, "eth_call", [balance_of(asset, one.address) for one in addresses]
        )
    gas = COIN_GAS if asset.contract is None else TOKEN_GAS
    tip = min(int(await rpc.call("eth_maxPriorityFeePerGas"), 16), max_fee)
    recipient, drafts = address_bytes(request.options.to), []
    for source, coin, balance in zip(addresses, coins, balances, strict=True):
        is_token = asset.contract is not None
        value = 0 if is_token else balance - gas * max_fee
        if balance <= 0 or (not is_token and value <= 0):
            continue
        drafts.append(
            UnsignedTransfer(
                chain_id=hex(chain_id_of(chain)),
                nonce=await rpc.call("eth_getTransactionCount", source.address, "pending"),
                max_priority_fee_per_gas=hex(tip),
                max_fee_per_gas=hex(max_fee),
                gas=hex(gas),
                to=asset.contract or request.options.to,
                value=hex(value),
                data="0x" + (transfer_call(recipient, balance).hex() if is_token else ""),
                sender=source.address,
                index=source.index,
                has_gas=not is_token or coin >= gas * max_fee,
            )
        )
    return drafts


async def reported_numbers(rpc: Rpc, method: str, calls: Sequence[Sequence[object]]) -> list[int]:
    """Return the results of many calls; raise NodeUnavailable unless there are all of them."""
    results: list[Any] = []
    for start in range(0, len(calls), BATCH):
        results += await rpc.batch(method, calls[start : start + BATCH])
    if any(result is None for result in results):
        raise NodeUnavailable(f"{rpc.name} does not report all balances")
    return [int(result, 16) for result in results]


def balance_of(asset: EvmAsset, address: str) -> list[object]:
    """Return a call of ERC-20's balanceOf(address)."""
    data = "0x70a08231" + address_bytes(address).rjust(32, b"\0").hex()
    return [{"to": asset.contract, "data": data}, "latest"]
