"""Coins that contracts send to a pay-in address are proven by a real node's trace or balances."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.chains.networks.evm import checksummed
from domain.chains.transfers import ObservedTransfer
from feeds.settlement.chains.evm.internal_transfers import TRACER, received_in_trace
from feeds.settlement.chains.interface import Node, NodeUnavailable, ProofUnavailable
from feeds.settlement.chains.rpc import Rpc
from tests.support.chains.anvil.two_anvils import ETHER, TwoAnvils, with_node
from tests.support.chains.forwarders import (
    DELEGATING,
    FORWARDER,
    FORWARDS_AND_REVERTS,
    KEEPS,
    REVERTED_FORWARDER,
    SELF_DESTRUCTING_FORWARDER,
    calling,
    pay_call,
)
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

PAY_IN = checksummed("0x" + "7b" * 20)
UNITS = 10**8
"""Our smallest units of one ETH."""


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoAnvils]:
    with ExitStack() as stack:
        yield TwoAnvils(Path(tmp_path_factory.mktemp("internal")), stack)


@pytest.fixture(autouse=True)
def honest_node(chains: TwoAnvils) -> Iterator[None]:
    yield
    chains.proxy.alter = None


def pay(chains: TwoAnvils, contract: str) -> str:
    """Have a contract send one ETH on to the pay-in address; return the transaction."""
    call = {
        "from": chains.right.user_address,
        "to": contract,
        "gas": hex(200_000),
        "value": hex(ETHER),
        "data": "0x" + pay_call(PAY_IN).hex(),
    }
    return str(chains.right.call("eth_sendTransaction", call))


def look_up(chains: TwoAnvils, tx_id: str) -> ObservedTransfer | None:
    """Look a transaction up once it is mined."""
    chains.right.receipt(tx_id)

    async def read(node: Node) -> ObservedTransfer | None:
        return await node.look_up(tx_id, PAY_IN, "eth")

    return with_node(chains.settings(), read)


def forget_traces(chains: TwoAnvils, *methods: str) -> None:
    """Have the node report nothing for traces, and for these methods."""

    def alter(method: str, _: list[Any], result: Any) -> Any:
        return None if method in ("debug_traceTransaction", *methods) else result

    chains.proxy.alter = alter


def contracts(chains: TwoAnvils) -> dict[str, str]:
    anvil = chains.right
    forwarder = anvil.deploy(FORWARDER)
    return {
        "forwarder": forwarder,
        "self-destructing": anvil.deploy(SELF_DESTRUCTING_FORWARDER),
        "delegating": anvil.deploy(calling(DELEGATING, forwarder)),
        "reverted": anvil.deploy(calling(REVERTED_FORWARDER, anvil.deploy(FORWARDS_AND_REVERTS))),
        "keeps": anvil.deploy(KEEPS),
    }


@pytest.mark.parametrize("traces", [True, False], ids=["trace", "balance"])
@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("forwarder", UNITS),
        ("self-destructing", UNITS),
        ("delegating", UNITS),
        ("reverted", 0),
        ("keeps", 0),
    ],
)
def test_what_a_contract_sent_is_proven(
    chains: TwoAnvils, name: str, received: int, *, traces: bool
) -> None:
    if not traces:
        forget_traces(chains)
    before = chains.right.balance(PAY_IN)
    tx_id = pay(chains, contracts(chains)[name])
    receipt = chains.right.receipt(tx_id)
    assert receipt["status"] == "0x1"
    assert chains.right.balance(PAY_IN) - before == (ETHER if received else 0)
    height = int(receipt["blockNumber"], 16)
    assert look_up(chains, tx_id) == (ObservedTransfer(height, received) if received else None)


def test_a_failed_transaction_moved_nothing(chains: TwoAnvils) -> None:
    tx_id = pay(chains, chains.right.deploy(FORWARDS_AND_REVERTS))
    assert chains.right.receipt(tx_id)["status"] == "0x0"
    trace = chains.right.call("debug_traceTransaction", tx_id, TRACER)
    assert received_in_trace(trace, PAY_IN) == 0
    assert look_up(chains, tx_id) is None

    async def read(node: Node) -> list[bool | None]:
        return [await node.has_failed(tx_id), await node.has_failed("0x" + "00" * 32)]

    assert with_node(chains.settings(), read) == [True, None]


def test_a_node_without_traces_proves_nothing_of_a_block_in_which_others_ran_code(
    chains: TwoAnvils,
) -> None:
    first, second = chains.right.deploy(FORWARDER), chains.right.deploy(FORWARDER)
    chains.right.call("evm_setAutomine", False)
    try:
        tx_ids = [pay(chains, first), pay(chains, second)]
        chains.right.mine()
    finally:
        chains.right.call("evm_setAutomine", True)
    height = int(chains.right.receipt(tx_ids[0])["blockNumber"], 16)
    assert [look_up(chains, one) for one in tx_ids] == [ObservedTransfer(height, UNITS)] * 2
    forget_traces(chains)
    for tx_id in tx_ids:
        with pytest.raises(ProofUnavailable, match="may have paid the address"):
            look_up(chains, tx_id)


def test_a_node_with_neither_traces_nor_balances_proves_nothing(chains: TwoAnvils) -> None:
    tx_id = pay(chains, chains.right.deploy(FORWARDER))
    forget_traces(chains, "eth_getBalance")
    with pytest.raises(ProofUnavailable, match="no balances of its block"):
        look_up(chains, tx_id)


def test_a_trace_nested_deeper_than_can_be_decoded_is_no_response() -> None:
    depth = 1_024  # of calls, as the EVM allows
    trace = b'{"calls":[' * depth + b"{}" + b"]}" * depth

    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=b'{"jsonrpc":"2.0","id":1,"result":' + trace + b"}")

    async def call() -> None:
        app = web.Application()
        app.router.add_post("/", respond)
        async with TestServer(app) as server:
            rpc = Rpc(str(server.make_url("/")))
            try:
                await rpc.call("debug_traceTransaction", "0xaa", TRACER)
            finally:
                await rpc.close()

    with pytest.raises(NodeUnavailable, match="does not speak JSON-RPC"):
        asyncio.run(call())
