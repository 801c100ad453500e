"""Ether that a contract sends to a pay-in address is credited, paid out and swept (anvil)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.chains.forwarders import (
    FORWARDER,
    FORWARDS_AND_REVERTS,
    REVERTED_FORWARDER,
    calling,
    pay_call,
)
from tests.support.chains.swap import Swap
from tests.support.chains.sweeping import sweep
from tests.support.chains.world import ETHER, World, needs_nodes
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import error_of

pytestmark = [needs_nodes, pytest.mark.slow]

HALF = ETHER // 2


def pay_by_contract(world: World, swap: Swap, contract: str | None = None) -> str:
    """Pay half an ether to an order through a contract; return the transaction."""
    to = contract or world.anvil.deploy(FORWARDER)
    tx_id = world.anvil.send(to, HALF, pay_call(swap.pay_in))
    world.anvil.mine(2)
    return tx_id


def credit(world: World, swap: Swap, tx_id: str) -> dict[str, Any]:
    arguments = ("deposit", "credit", tx_id, swap.pay_in.lower(), "--reason", "ticket 7")
    return dict(world.operate(*arguments, "--wait", "60"))


def follow_all(world: World) -> None:
    """Wait until all blocks were scanned."""
    height = int(world.anvil.call("eth_blockNumber"), 16)
    world.until(lambda: world.chain("Ethereum")["height"] == height)


def test_ether_sent_by_a_contract_is_credited_paid_out_settled_and_swept(world: World) -> None:
    swap = world.open("eth", "ltc", "0.5")
    tx_id = pay_by_contract(world, swap)
    follow_all(world)
    assert world.anvil.balance(swap.pay_in) == HALF
    assert swap.now()["status"] == "NEW"
    credited = credit(world, swap, tx_id)
    assert (credited["state"], credited["amount"]) == ("credited", "0.5")
    done = swap.until("DONE")
    assert done["from"]["tx"] == {"id": tx_id, "amount": "0.50000000", "explorer": None}
    assert swap.received_litecoin() == Decimal(done["to"]["amount"]) > 0
    world.litecoind.mine(2)
    world.until(lambda: (world.outflow(swap) or {})["settled_at"])
    again = ("deposit", "credit", tx_id, swap.pay_in, "--reason", "ticket 7")
    assert "recorded already" in error_of(invoke(*again, data_dir=world.running.data_dir))
    drafts = sweep(world, "eth", "--to", world.anvil.other_address)
    assert swap.pay_in in [one["from"] for one in drafts]


def test_a_call_that_reverted_and_a_failed_transaction_are_not_credited(world: World) -> None:
    swap = world.open("eth", "ltc", "0.5")
    reverting = world.anvil.deploy(FORWARDS_AND_REVERTS)
    inner = pay_by_contract(world, swap, world.anvil.deploy(calling(REVERTED_FORWARDER, reverting)))
    assert world.anvil.receipt(inner)["status"] == "0x1"
    rejected = credit(world, swap, inner)
    assert (rejected["state"], rejected["amount"]) == ("rejected", None)
    assert "brought nothing to the address" in rejected["rejection"]
    call = {
        "from": world.anvil.user_address,
        "to": reverting,
        "gas": hex(200_000),
        "value": hex(HALF),
        "data": "0x" + pay_call(swap.pay_in).hex(),
    }
    failed = str(world.anvil.call("eth_sendTransaction", call))
    world.anvil.mine(2)
    assert "the transaction failed" in credit(world, swap, failed)["rejection"]
    assert "in no block" in credit(world, swap, "0x" + "00" * 32)["rejection"]
    assert swap.now()["status"] == "NEW"


def test_a_node_without_a_proof_credits_nothing_and_delays_nothing(world: World) -> None:
    def alter(method: str, _: list[Any], result: Any) -> Any:
        return None if method in ("debug_traceTransaction", "eth_getBlockReceipts") else result

    swap = world.open("eth", "ltc", "0.5")
    tx_id = pay_by_contract(world, swap)
    world.evm_second.alter = alter
    assert "has no trace" in credit(world, swap, tx_id)["rejection"]
    world.anvil.mine()
    follow_all(world)
    assert world.chain("Ethereum")["alarm"] is None
    assert swap.now()["status"] == "NEW"
    world.evm_second.alter = None
    assert credit(world, swap, tx_id)["state"] == "credited"
    swap.until("DONE")


def test_a_reorganization_after_the_credit_stops_the_payout(world: World) -> None:
    swap = world.open("eth", "ltc", "0.5")
    before = int(world.anvil.call("eth_blockNumber"), 16)
    tx_id = pay_by_contract(world, swap)
    world.operate("outflow", "off")
    assert credit(world, swap, tx_id)["state"] == "credited"
    swap.until("EXCHANGE")
    with world.settlement_down():
        world.anvil.reorganize(int(world.anvil.call("eth_blockNumber"), 16) - before)
        assert world.anvil.call("eth_getTransactionReceipt", tx_id) is None
    world.operate("outflow", "on")
    assert swap.until("NEW")["from"]["tx"]["id"] is None
    assert world.outflow(swap) is None
    assert swap.received_litecoin() == 0
    paid = pay_by_contract(world, swap)
    assert credit(world, swap, paid)["state"] == "credited"
    swap.until("DONE")
