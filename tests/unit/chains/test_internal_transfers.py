"""What contract calls bring to an address is read from a trace, or from balances where certain."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from feeds.settlement.chains.evm.internal_transfers import internal_transfers, received_in_trace
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, ProofUnavailable

if TYPE_CHECKING:
    from feeds.settlement.chains.rpc import Rpc

PAY_IN = "0xAbCd00000000000000000000000000000000Ef12"
OTHER = "0x" + "11" * 20
TX, RECEIPT = "0xaa", {"transactionHash": "0xaa", "blockHash": "0xb2"}


def call(kind: str = "CALL", to: str = PAY_IN, value: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": kind, "from": OTHER, "to": to.lower(), "value": hex(value), **more}


def outer(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return call(to=OTHER, calls=list(calls), **more)


@pytest.mark.parametrize("kind", ["CALL", "CREATE", "CREATE2", "SELFDESTRUCT"])
def test_calls_that_move_coins_to_the_address_are_added_up_at_every_depth(kind: str) -> None:
    trace = outer(call(kind, value=5), outer(call(kind, value=7)), call(kind, OTHER, value=9))
    assert received_in_trace(trace, PAY_IN) == 12


@pytest.mark.parametrize("kind", ["DELEGATECALL", "CALLCODE", "STATICCALL"])
def test_calls_that_repeat_a_value_move_nothing(kind: str) -> None:
    assert received_in_trace(outer(call(kind, value=5)), PAY_IN) == 0


def test_a_call_inside_of_a_library_call_counts() -> None:
    trace = outer(call("DELEGATECALL", OTHER, value=3, calls=[call(value=5)]))
    assert received_in_trace(trace, PAY_IN) == 5


def test_a_reverted_call_moves_nothing_and_neither_does_anything_inside_of_it() -> None:
    failed = outer(call(value=5), outer(call(value=7)), error="execution reverted")
    assert received_in_trace(outer(failed, call(value=1)), PAY_IN) == 1
    assert received_in_trace(outer(call(value=5, error="out of gas")), PAY_IN) == 0
    assert received_in_trace(outer(call(value=5), error="execution reverted"), PAY_IN) == 0


def test_a_call_without_a_value_moves_nothing() -> None:
    assert received_in_trace(outer({"type": "CALL", "to": PAY_IN.lower()}), PAY_IN) == 0


def test_calls_nested_as_deep_as_contracts_can_are_read() -> None:
    trace = call(value=1)
    for _ in range(1_024):
        trace = outer(trace)
    assert received_in_trace(trace, PAY_IN) == 1


class NodeWithoutTraces:
    """A node that knows two blocks and the balances after them."""

    name = "node"

    def __init__(self) -> None:
        self.block: dict[str, Any] = {
            "parentHash": "0xb1",
            "miner": OTHER,
            "transactions": [{"hash": TX, "from": OTHER, "to": OTHER}],
        }
        self.receipts = [{"transactionHash": TX, "status": "0x1", "gasUsed": hex(90_000)}]
        self.balances = {"0xb1": 100, "0xb2": 150}
        self.failures: dict[str, Exception] = {
            "debug_traceTransaction": NodeRejected("debug_traceTransaction", -32601, "not found")
        }

    def add(self, *, gas: int = 21_000, status: str = "0x1", **changes: str) -> None:
        """Add another transaction to the block."""
        self.block["transactions"].append({"hash": "0xbb", "from": OTHER, "to": OTHER, **changes})
        self.receipts.append({"transactionHash": "0xbb", "status": status, "gasUsed": hex(gas)})

    async def call(self, method: str, *parameters: Any) -> Any:
        if method in self.failures:
            raise self.failures[method]
        if method == "eth_getBalance":
            return hex(self.balances[parameters[1]["blockHash"]])
        return {"eth_getBlockByHash": self.block, "eth_getBlockReceipts": self.receipts}[method]

    def received(self) -> int:
        return asyncio.run(internal_transfers(cast("Rpc", self), RECEIPT, PAY_IN))


@pytest.mark.parametrize(
    "failure", [NodeRejected("trace", -32601, "not found"), NodeUnavailable("timeout")]
)
def test_without_a_trace_the_balance_of_the_block_proves_the_amount(failure: Exception) -> None:
    node = NodeWithoutTraces()
    node.failures["debug_traceTransaction"] = failure
    assert node.received() == 50


def test_a_balance_that_did_not_grow_proves_that_nothing_was_received() -> None:
    node = NodeWithoutTraces()
    node.balances["0xb2"] = 100
    assert node.received() == 0


def test_transactions_that_ran_no_code_or_failed_leave_the_balance_unambiguous() -> None:
    node = NodeWithoutTraces()
    node.add()
    assert node.received() == 50
    failed = NodeWithoutTraces()
    failed.add(gas=90_000, status="0x0")
    assert failed.received() == 50


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.add(gas=90_000),
        lambda node: node.add(to=PAY_IN),
        lambda node: node.add(**{"from": PAY_IN}),
        lambda node: node.block.update(miner=PAY_IN),
        lambda node: node.block.update(withdrawals=[{"address": PAY_IN}]),
        lambda node: node.block.update(transactions=[]),
        lambda node: node.receipts.clear(),
    ],
    ids=["code", "paid", "sends", "mines", "withdraws", "absent", "no receipts"],
)
def test_a_balance_that_anything_else_may_have_changed_proves_nothing(change: Any) -> None:
    node = NodeWithoutTraces()
    change(node)
    with pytest.raises(ProofUnavailable, match="may have paid the address"):
        node.received()


@pytest.mark.parametrize("method", ["eth_getBlockReceipts", "eth_getBalance"])
def test_a_node_with_neither_traces_nor_old_balances_proves_nothing(method: str) -> None:
    node = NodeWithoutTraces()
    node.failures[method] = NodeRejected(method, -32000, "missing trie node")
    with pytest.raises(ProofUnavailable, match="no balances of its block"):
        node.received()


def test_a_node_that_does_not_respond_is_unavailable() -> None:
    node = NodeWithoutTraces()
    node.failures["eth_getBlockByHash"] = NodeUnavailable("timeout")
    with pytest.raises(NodeUnavailable):
        node.received()
