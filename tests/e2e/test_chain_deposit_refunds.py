"""Deposits that no order can use are sent back on real chains: litecoind and anvil."""

import secrets
from decimal import Decimal
from typing import Any

import pytest

from domain.chains.networks.evm import checksummed
from tests.support.chains.nodes import main_address, regtest_address
from tests.support.chains.world import ETHER, World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]


def test_a_late_deposit_and_one_of_another_asset_are_sent_to_the_customer(world: World) -> None:
    swap = world.open("ltc", "usdt_erc20", "2")
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    swap.until("DONE")
    late = swap.pay_litecoin("0.5")
    world.litecoind.mine(2)
    wrong = world.anvil.send(world.open("usdt_erc20", "ltc", "150").pay_in, ETHER // 100)
    world.anvil.mine(2)
    customer = {
        late: main_address(world.litecoind.address("user")),
        wrong: checksummed("0x" + secrets.token_hex(20)),
    }

    def unexpected(stage: str) -> dict[str, Any]:
        listed = world.operate("deposit", "list")
        return {one["txId"]: one for one in listed if one["stage"] == stage and one["confirmed"]}

    world.until(lambda: unexpected("").keys() >= customer.keys())
    for tx_id, address in customer.items():
        world.operate("deposit", "refund", tx_id, "--to", address, "--reason", "ticket 7")
    world.until(lambda: unexpected("broadcast").keys() >= customer.keys())
    world.litecoind.mine(2)
    world.anvil.mine(2)
    world.until(lambda: unexpected("settled").keys() >= customer.keys())
    fees = {
        code: world.operate("network-fee", "show", code)["networkFee"] for code in ("ltc", "eth")
    }
    received = world.litecoind.received(regtest_address(customer[late]))
    assert received == Decimal("0.5") - Decimal(fees["ltc"])
    assert world.anvil.balance(customer[wrong]) == ETHER // 100 - int(Decimal(fees["eth"]) * ETHER)


def test_the_excess_of_a_fixed_rate_is_sent_to_the_refund_address(world: World) -> None:
    world.operate("fixed-rates", "on")
    world.operate("fixed-rate-terms", "set", "--excess", "refund")
    refund = main_address(world.litecoind.address("user"))
    swap = world.open("ltc", "eth", "2", type="fixed", refundAddress=refund)
    agreed = swap.now()["to"]["amount"]
    swap.pay_litecoin("1.5")
    swap.pay_litecoin("0.7")
    world.litecoind.mine(2)
    done = swap.until("DONE")
    assert (done["from"]["amount"], done["to"]["amount"]) == ("2.00000000", agreed)
    assert swap.received_ether() == Decimal(agreed)

    fee = Decimal(world.operate("network-fee", "show", "ltc")["networkFee"])
    world.until(lambda: world.litecoind.call("getrawmempool"))
    world.litecoind.mine(2)
    assert world.litecoind.received(regtest_address(refund)) == Decimal("0.2") - fee
    world.anvil.mine(2)
    world.until(lambda: world.differences() == [])
