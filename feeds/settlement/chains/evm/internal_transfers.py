"""Coins that a transaction brings to an address inside of contract calls (internal transfers).

No list of transactions and no event shows them. A node proves them by its trace of the calls, and
one without an API for traces by the balance before and after the block, where nothing else in the
block can have moved it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from feeds.settlement.chains.evm.wallet import COIN_GAS
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, ProofUnavailable
from feeds.settlement.chains.rpc import Rpc

TRACER: Final = {"tracer": "callTracer", "timeout": "5s"}
"""Geth's tracer, which other nodes have too; a trace that takes longer is rejected."""

MOVES_VALUE: Final = frozenset({"CALL", "CREATE", "CREATE2", "SELFDESTRUCT"})
"""The calls that move coins to `to`. DELEGATECALL and CALLCODE repeat a value and move none."""


def received_in_trace(trace: Mapping[str, Any], address: str) -> int:
    """Return the wei that the calls of a trace brought to an address.

    `trace` is the outermost call as callTracer reports it: type, to, value, error, calls. A call
    with an error moved nothing, and neither did any call inside of it, whatever these state.
    """
    received, open_calls = 0, [trace]
    recipient = address.lower()
    while open_calls:
        call = open_calls.pop()
        if call.get("error"):
            continue
        open_calls.extend(call.get("calls") or ())
        if call["type"] in MOVES_VALUE and str(call.get("to")).lower() == recipient:
            received += int(call.get("value") or "0x0", 16)
    return received


async def internal_transfers(rpc: Rpc, receipt: Mapping[str, Any], address: str) -> int:
    """Return the wei that a successful transaction brought to an address, by its receipt.

    Raises ProofUnavailable if the node cannot show it, and NodeUnavailable.
    """
    try:
        trace = await rpc.call("debug_traceTransaction", receipt["transactionHash"], TRACER)
        return received_in_trace(trace, address)
    except (NodeRejected, NodeUnavailable, KeyError, TypeError, ValueError, AttributeError):
        return await _balance_gained(rpc, receipt, address)


async def _balance_gained(rpc: Rpc, receipt: Mapping[str, Any], address: str) -> int:
    """Return by how much the block of a transaction raised the balance of an address.

    Raises ProofUnavailable where anything but the transaction may have changed it.
    """
    no_trace = f"{rpc.name} has no trace of {receipt['transactionHash']}"
    try:
        block = await rpc.call("eth_getBlockByHash", receipt["blockHash"], True)
        receipts = await rpc.call("eth_getBlockReceipts", receipt["blockHash"])
        if not _only_one_can_pay(block, receipts, receipt["transactionHash"], address.lower()):
            raise ProofUnavailable(f"{no_trace}, and others in its block may have paid the address")
        before, after = [
            int(await rpc.call("eth_getBalance", address, {"blockHash": block_hash}), 16)
            for block_hash in (block["parentHash"], receipt["blockHash"])
        ]
    except (NodeRejected, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProofUnavailable(f"{no_trace}, and no balances of its block") from error
    return max(after - before, 0)


def _only_one_can_pay(
    block: Mapping[str, Any], receipts: Iterable[Mapping[str, Any]], tx_id: str, address: str
) -> bool:
    """Return whether only one transaction of a block can have changed a balance.

    The others moved nothing to the address, and ran no code that could: they failed, or used
    exactly the gas of a plain transfer, which no refund of gas brings a call that moves coins
    down to (EIP-3529). The address neither produced the block, nor sent a
    transaction, nor received a validator's withdrawal (EIP-4895).
    """
    others = {one["hash"]: one for one in block["transactions"]}
    reported = {one["transactionHash"]: one for one in receipts}
    if tx_id not in others or others.keys() != reported.keys():
        return False
    withdrawals = [str(one["address"]) for one in block.get("withdrawals") or ()]
    involved = [block["miner"], *withdrawals, *(one["from"] for one in others.values())]
    del others[tx_id]
    involved += [str(one.get("to")) for one in others.values()]
    return address not in (one.lower() for one in involved) and all(
        int(reported[one]["status"], 16) == 0 or int(reported[one]["gasUsed"], 16) == COIN_GAS
        for one in others
    )
