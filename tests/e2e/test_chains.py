"""An order on real chains, litecoind and anvil; the slow tests have many more (chains/)."""

from decimal import Decimal
from typing import Any

from tests.support.chains.nodes import regtest_address
from tests.support.chains.world import ETHER, World, needs_nodes

pytestmark = needs_nodes

GAS_PRICE = 50 * 10**9
GENESIS, FORKED = 0, "0" * 64


def test_litecoin_is_swapped_for_ether_through_a_reorganization(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    paid = swap.pay_litecoin("2")
    pending = swap.until("PENDING")
    assert pending["from"]["tx"] == {"id": paid, "amount": "2.00000000", "explorer": None}
    world.litecoind.mine()
    orphaned = world.litecoind.call("getbestblockhash")
    height = world.litecoind.call("getblockcount")
    world.until(lambda: world.chain("Litecoin")["height"] == height)
    world.litecoind.call("invalidateblock", orphaned)
    assert paid in world.litecoind.call("getrawmempool")
    world.until(lambda: world.chain("Litecoin")["height"] == height - 1)
    assert swap.now()["status"] == "PENDING"
    world.litecoind.mine()
    world.until(lambda: world.chain("Litecoin")["height"] == height)
    assert swap.now()["status"] == "PENDING"
    world.litecoind.mine()
    done = swap.until("DONE")
    amount = int(Decimal(done["to"]["amount"]) * ETHER)
    assert world.anvil.balance(swap.recipient) == amount > 0
    transaction = world.anvil.call("eth_getTransactionByHash", done["to"]["tx"]["id"])
    assert (int(transaction["value"], 16), transaction["from"]) == (
        amount,
        world.hot_address.lower(),
    )


def test_assets_that_settlement_is_not_connected_to_are_not_swapped(world: World) -> None:
    currencies = world.partner.call("/currencies", {}).data
    assert {one["code"] for one in currencies} == {"ltc", "eth", "usdt_erc20", "usdc_erc20"}
    assert all(one["recv"] and one["send"] for one in currencies)
    for source, destination in (("ltc", "usdt_trc20"), ("xrp", "eth")):
        quoted = {
            "type": "float",
            "fromCcy": source,
            "toCcy": destination,
            "direction": "from",
            "amount": "100",
        }
        assert world.partner.call("/price", quoted).code == 1
    report = world.running.command("doctor", "--json").stdout
    assert "28 assets are not swapped both ways" in report
    assert "worth nothing: Ethereum (anvil), Litecoin (regtest)" in report


def test_a_false_deposit_halts_its_chain_until_the_operator_resumes_it(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    script = main_script(world, swap.pay_in)

    def falsify(method: str, _: list[Any], result: Any) -> Any:
        if method == "getblock":
            for transaction in result["tx"]:
                for out in transaction["vout"]:
                    if out["scriptPubKey"]["hex"] == script:
                        out["value"] = 20
        return result

    world.ltc_second.alter = falsify
    swap.pay_litecoin("2")
    swap.until("PENDING")
    world.litecoind.mine(3)
    world.until(lambda: world.chain("Litecoin")["halted"])
    done = world.running.command("doctor", "--json")
    assert done.returncode == 1
    assert "Find the node that gives wrong answers" in done.stdout
    assert swap.now()["status"] == "PENDING"
    world.ltc_second.alter = None
    world.operate("chain", "resume", "litecoin")
    assert swap.until("DONE")["from"]["tx"]["amount"] == "2.00000000"


def main_script(world: World, address: str) -> str:
    info = world.litecoind.call("getaddressinfo", regtest_address(address), wallet="user")
    return str(info["scriptPubKey"])
