"""A token that would not log the transfer is rejected before signing, if the node can show it."""

from typing import Any, cast

import pytest

from feeds.settlement.chains.evm.transfer_check import ExpectedTransfer, require_transfer
from feeds.settlement.chains.evm.transfer_logs import TRANSFER
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable

TOKEN, OWN, CUSTOMER = ("0x" + digits * 20 for digits in ("aa", "bb", "cc"))
EXPECTED = ExpectedTransfer(TOKEN, OWN, CUSTOMER, 5)
TRUE, FALSE, NOTHING = "0x" + "01".rjust(64, "0"), "0x" + "0" * 64, "0x"
CALL = {"from": OWN, "to": TOKEN, "value": "0x0", "data": "0x"}


def log(
    *, contract: str = TOKEN, sender: str = OWN, recipient: str = CUSTOMER, amount: int = 5
) -> dict[str, Any]:
    topics = [TRANSFER, *("0x" + one[2:].rjust(64, "0") for one in (sender, recipient))]
    data = f"0x{amount:064x}"
    return {"address": contract, "topics": topics, "data": data, "transactionHash": "0x1"}


class FakeRpc:
    """A node that returns `result` of a call, and its events if it simulates it."""

    def __init__(self, result: str, logs: list[Any] | None) -> None:
        self.result = result
        self.logs = logs

    async def call(self, method: str, *_: object) -> Any:
        if method == "eth_call":
            return self.result
        assert method == "eth_simulateV1"
        if self.logs is None:
            raise NodeRejected(method, -32601, "the method does not exist")
        return [{"calls": [{"status": "0x1", "returnData": self.result, "logs": self.logs}]}]


async def check(result: str, logs: list[Any] | None) -> None:
    await require_transfer(cast("Any", FakeRpc(result, logs)), CALL, EXPECTED)


@pytest.mark.parametrize("result", [TRUE, NOTHING])
@pytest.mark.parametrize("logs", [None, [log()], [log(contract=CUSTOMER), log()]])
async def test_a_transfer_that_would_be_made_is_accepted(
    result: str, logs: list[Any] | None
) -> None:
    await check(result, logs)


@pytest.mark.parametrize(
    ("result", "logs"),
    [
        (FALSE, None),
        (FALSE, [log()]),
        (TRUE, []),
        (NOTHING, []),
        (TRUE, [log(amount=4)]),
        (TRUE, [log(), log()]),
        (TRUE, [log(contract=CUSTOMER)]),
        (TRUE, [log(sender=CUSTOMER)]),
        (TRUE, [log(recipient=OWN)]),
    ],
)
async def test_a_transfer_that_would_not_be_made_exactly_is_rejected(
    result: str, logs: list[Any] | None
) -> None:
    with pytest.raises(NodeUnavailable):
        await check(result, logs)
