"""Transactions that void others: they spend the same outputs and return them to the wallet."""

from collections.abc import Sequence
from typing import Any, Final

from feeds.settlement.chains.bitcoin.node import units
from feeds.settlement.chains.interface import NodeUnavailable, Signed
from feeds.settlement.chains.rpc import Rpc

REPLACEABLE: Final = 0xFFFFFFFD
"""The highest sequence number of an input that signals replacement (BIP-125)."""
MIN_FEE_INCREASE: Final = 125
"""In percent of the highest fee of the voided transactions."""
COIN: Final = 10**8


async def void_transaction(rpc: Rpc, raws: Sequence[str], *, max_fee: int) -> Signed:
    """Sign a transaction with all inputs of the first of some transactions, to a new own address.

    `rpc` is a wallet's own path. Raises NodeUnavailable if the fee would exceed `max_fee`, in
    10^-8 coins.
    """
    decoded = [await rpc.call("decoderawtransaction", raw) for raw in raws]
    fees = [await _total_in(rpc, one) - _total_out(one) for one in decoded]
    fee = max(fees) * MIN_FEE_INCREASE // 100 + 1
    if fee > max_fee:
        raise NodeUnavailable("the fee of a void would be above the maximum")
    inputs = [
        {"txid": tx_id, "vout": index, "sequence": REPLACEABLE}
        for tx_id, index in sorted(inputs_of(decoded[0]))
    ]
    amount = await _total_in(rpc, decoded[0]) - fee
    address = await rpc.call("getrawchangeaddress")
    outputs = [{address: f"{amount // COIN}.{amount % COIN:08}"}]
    draft = await rpc.call("createrawtransaction", inputs, outputs)
    signed = await rpc.call("signrawtransactionwithwallet", draft)
    void = await rpc.call("decoderawtransaction", signed["hex"])
    if not signed.get("complete") or not inputs_of(void) <= inputs_of(decoded[0]):
        raise NodeUnavailable("the wallet cannot sign the void")
    if _total_out(void) != amount or len(void["vout"]) != 1:
        raise NodeUnavailable("the wallet signed something else")
    return Signed(signed["hex"], void["txid"])


def inputs_of(decoded: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the outputs that a transaction spends, as transaction id and output index."""
    return {(spent["txid"], spent["vout"]) for spent in decoded["vin"]}


async def _total_in(rpc: Rpc, decoded: dict[str, Any]) -> int:
    total = 0
    for tx_id, index in inputs_of(decoded):
        spent = await rpc.call("getrawtransaction", tx_id, True)
        total += units(spent["vout"][index]["value"])
    return total


def _total_out(decoded: dict[str, Any]) -> int:
    return sum(units(out["value"]) for out in decoded["vout"])
