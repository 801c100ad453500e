"""The service on real nodes follows the declared chains, by the times that these state."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.support.chains.nodes import main_address
from tests.support.chains.swap import Swap
from tests.support.chains.world import ETHER, World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]

EXPIRE = """
UPDATE orders SET created_at = now() - interval '2 h', expires_at = now() - {ago}::interval
WHERE id = %s
"""


def expire(world: World, swap: Swap, *, ago: str = "0 s") -> None:
    """Let an order's time pass, now or some time ago."""
    world.sql(EXPIRE.format(ago=f"'{ago}'"), swap.id)


def test_a_deposit_mined_before_expiry_is_in_time_though_settlement_was_down(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    with world.settlement_down():
        world.anvil.receipt(world.anvil.send_token(world.token, swap.pay_in, 150_000_000))
        world.anvil.mine(2)
        expire(world, swap)
    swap.until("DONE")
    assert swap.received_litecoin() > 0


def test_a_deposit_in_the_mempool_before_expiry_is_in_time_though_settlement_was_down(
    world: World,
) -> None:
    swap = world.open("ltc", "eth", "2")
    with world.settlement_down():
        swap.pay_litecoin("2")
        expire(world, swap)
    swap.until("PENDING")
    world.litecoind.mine(2)
    swap.until("DONE")
    assert swap.received_ether() > 0


def test_a_deposit_mined_after_expiry_is_held_for_a_choice(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    with world.settlement_down():
        expire(world, swap, ago="1 min")
        swap.pay_litecoin("2")
        world.litecoind.mine(2)
    assert swap.until("EMERGENCY")["emergency"]["status"] == ["EXPIRED"]
    assert swap.received_ether() == 0


def an_hour_behind(method: str, _: list[Any], result: Any) -> Any:
    """Falsify the time of a block."""
    return {**result, "time": result["time"] - 3_600} if method == "getblockheader" else result


def test_an_order_expires_once_its_own_chain_was_followed_past_its_expiry(world: World) -> None:
    paused, followed = world.open("ltc", "eth", "2"), world.open("usdt_erc20", "ltc", "150")
    world.ltc.alter = world.ltc_second.alter = an_hour_behind
    world.litecoind.mine()
    height = world.litecoind.call("getblockcount")
    world.until(lambda: world.chain("Litecoin")["height"] == height)
    for swap in (paused, followed):
        expire(world, swap, ago="10 min")
    world.anvil.mine()
    followed.until("EXPIRED")
    assert paused.now()["status"] == "NEW"
    world.ltc.alter = world.ltc_second.alter = None
    world.litecoind.mine()
    paused.until("EXPIRED")


def test_the_addresses_of_all_hot_wallets_are_known_as_our_own(world: World) -> None:
    (received, *_) = world.litecoind.call("listreceivedbyaddress", 0, wallet="hot")
    litecoin = main_address(received["address"])

    def reason(code: str, address: str) -> object:
        request = {"ccy": code, "address": address}
        return world.partner.call("/address/validate", request).data["reason"]

    def is_own(code: str, address: str) -> bool:
        return reason(code, address) == "OWN_ADDRESS"

    for code, address in (("ltc", litecoin), ("eth", world.hot_address)):
        world.until(partial(is_own, code, address))
    assert is_own("ltc", litecoin.upper())
    assert is_own("eth", world.hot_address.lower())
    assert reason("ltc", main_address(world.litecoind.address("user"))) is None


def test_a_network_whose_node_reports_another_chain_is_halted_and_nothing_is_signed(
    world: World,
) -> None:
    swap = world.open("ltc", "eth", "2")
    world.evm.alter = lambda method, _, result: "0x89" if method == "eth_chainId" else result
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    world.until(lambda: world.chain("Ethereum")["halted"])
    assert "is no node of Ethereum: its chain id is 137" in world.chain("Ethereum")["alarm"]
    outflow = world.outflow(swap)
    assert outflow is None or outflow["tx_id"] is None
    world.kill_settlement()
    world.operate("chain", "resume", "ethereum")
    world.until(lambda: world.chain("Ethereum")["halted"])
    assert world.anvil.balance(swap.recipient) == 0
    world.evm.alter = None
    world.operate("chain", "resume", "ethereum")
    done = swap.until("DONE")
    assert world.anvil.balance(swap.recipient) == int(Decimal(done["to"]["amount"]) * ETHER)
