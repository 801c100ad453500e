"""Checks before signing that a token's contract would make a transfer."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from feeds.settlement.chains.evm.transfer_logs import token_transfers
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable
from feeds.settlement.chains.rpc import Rpc


class ExpectedTransfer(msgspec.Struct, frozen=True):
    """A transfer that a contract has to log; addresses in lower case, `amount` in its units."""

    contract: str
    sender: str
    recipient: str
    amount: int


async def require_transfer(rpc: Rpc, call: Mapping[str, str], expected: ExpectedTransfer) -> None:
    """Raise NodeUnavailable if a call would return false, or log another transfer (EIP-20).

    Some tokens return nothing, which is accepted. Nodes without eth_simulateV1 show no events
    before the transaction is mined: for them only the result is checked.
    """
    result = str(await rpc.call("eth_call", call, "latest"))
    if result != "0x" and int(result, 16) != 1:
        raise NodeUnavailable("the token's contract reports that the transfer would fail")
    logs = await _simulated_logs(rpc, call)
    if logs is None:
        return
    moved = sum(
        one.amount
        for one in token_transfers(logs)
        if (one.contract, one.sender, one.recipient)
        == (expected.contract, expected.sender, expected.recipient)
    )
    if moved != expected.amount:
        raise NodeUnavailable(
            f"the token's contract would log a transfer of {moved} instead of {expected.amount}"
        )


async def _simulated_logs(rpc: Rpc, call: Mapping[str, str]) -> Sequence[Mapping[str, Any]] | None:
    """Return the events of a call by eth_simulateV1; None if the node does not simulate it."""
    try:
        (block,) = await rpc.call(
            "eth_simulateV1", {"blockStateCalls": [{"calls": [call]}]}, "latest"
        )
    except NodeRejected:
        return None
    (done,) = block["calls"]
    return list(done["logs"])
