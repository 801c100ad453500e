"""What transactions of an EVM network cost: fees per unit of gas, and a rollup's data fee."""

from typing import Final

import msgspec

from domain.chains.outflows import CostAboveBound, NetworkCoin
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable
from feeds.settlement.chains.rpc import Rpc

GWEI: Final = 10**9
COIN_DECIMALS: Final = 18
MIN_FEE_INCREASE: Final = 112
"""In percent: nodes accept a replacement whose fees are at least 10 % higher."""

UNSIGNED_OVERHEAD: Final = 110
"""The most bytes of an unsigned transfer (EIP-1559) beside its data: chain id, nonce, fees, gas,
recipient and value."""

GAS_PRICE_ORACLE: Final = "0x420000000000000000000000000000000000000f"
"""The OP Stack's GasPriceOracle, at the same address on each of its chains."""
L1_FEE_UPPER_BOUND: Final = bytes.fromhex("f1c7a58b")
"""The selector of getL1FeeUpperBound(uint256): for an unsigned transaction of this size."""
L1_FEE: Final = bytes.fromhex("49948e0e")
"""The selector of getL1Fee(bytes), which chains before the Fjord upgrade have instead."""


class GasFees(msgspec.Struct, frozen=True):
    """Fees in wei per unit of gas (EIP-1559): the maximum, and the part of it for the miner."""

    max_fee: int
    tip: int


class GasPricing:
    """Sets the fees of transactions, within the operator's maximum and a bound of the cost."""

    def __init__(self, rpc: Rpc, *, max_fee_gwei: int, has_l1_fee: bool) -> None:
        self._rpc = rpc
        self._max_fee = max_fee_gwei * GWEI
        self._has_l1_fee = has_l1_fee

    async def fees(self, gas: int, data: bytes, *, max_cost: int) -> GasFees:
        """Return the fees of a new transaction; raise CostAboveBound.

        Raises NodeUnavailable if the base fee is above the maximum: the transaction would block all
        that follow it. The maximum fee is what a doubled base fee needs, unless the bound allows
        less. `data` is the unsigned transaction's, for its size.
        """
        base, tip = await self._current()
        if base > self._max_fee:
            raise NodeUnavailable(f"the base fee is above the maximum, {self._max_fee} wei")
        allowed = min(self._max_fee, (max_cost - await self.l1_fee(data)) // gas)
        least = min(base + tip, self._max_fee)
        if allowed < least:
            raise CostAboveBound(
                f"{gas} gas at {base + tip} wei costs more than the bound, {_coins(max_cost)} coins"
            )
        max_fee = min(2 * base + tip, allowed)
        return GasFees(max_fee, min(tip, max_fee))

    async def raised(self, stuck: GasFees, gas: int, data: bytes, *, max_cost: int) -> GasFees:
        """Return fees that replace those of a stuck transaction; raise as Wallet.raise_fee."""
        base, tip = await self._current()
        min_fee, min_tip = _raised(stuck.max_fee), _raised(stuck.tip)
        least = max(min_fee, min_tip)
        if least > self._max_fee:
            raise NodeUnavailable(f"a higher fee would be above the maximum, {self._max_fee} wei")
        allowed = min(self._max_fee, (max_cost - await self.l1_fee(data)) // gas)
        if least > allowed:
            raise CostAboveBound(
                f"a higher fee would cost more than the bound, {_coins(max_cost)} coins"
            )
        max_fee = max(min(max(min_fee, 2 * base + tip), allowed), min_tip)
        return GasFees(max_fee, min(max(min_tip, tip), max_fee))

    async def expected(self, gas: int, data: bytes) -> int:
        """Return what a transaction costs at the current fees, in wei, with room for a rise."""
        base, tip = await self._current()
        return gas * min(2 * base + tip, self._max_fee) + await self.l1_fee(data)

    async def l1_fee(self, data: bytes) -> int:
        """Return what a rollup charges for a transaction's data, in wei; 0 elsewhere."""
        if not self._has_l1_fee:
            return 0
        size = len(data) + UNSIGNED_OVERHEAD
        try:
            return await self._oracle(L1_FEE_UPPER_BOUND + size.to_bytes(32, "big"))
        except NodeRejected:
            padded = bytes(-size % 32)
            words = (32).to_bytes(32, "big") + size.to_bytes(32, "big")
            return await self._oracle(L1_FEE + words + b"\xff" * size + padded)

    async def _oracle(self, call: bytes) -> int:
        request = {"to": GAS_PRICE_ORACLE, "data": "0x" + call.hex()}
        result = str(await self._rpc.call("eth_call", request, "latest"))
        if len(result) != 66:
            raise NodeUnavailable("the rollup's GasPriceOracle does not return a fee")
        return int(result, 16)

    async def _current(self) -> tuple[int, int]:
        """Return the newest block's base fee and the tip, in wei per unit of gas."""
        block = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        tip = int(await self._rpc.call("eth_maxPriorityFeePerGas"), 16)
        return int(block["baseFeePerGas"], 16), tip


COIN_WEI: Final = 10**COIN_DECIMALS


def network_coin(name: str) -> NetworkCoin:
    """Return the coin of an EVM network, which all have 18 decimals."""
    return NetworkCoin(name, COIN_DECIMALS)


def _raised(fee: int) -> int:
    return fee * MIN_FEE_INCREASE // 100 + 1


def _coins(wei: int) -> str:
    return f"{wei / COIN_WEI:.6f}"
