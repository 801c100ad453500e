"""Payouts and refunds under faults, on real nodes, signed by an external signer."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from valkey import Valkey

from domain.market.rates import RateSnapshot
from persistence.valkey.rates import CHANNEL, KEY, encode_snapshot
from tests.support.chains.swap import Swap
from tests.support.chains.world import Tuning, World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]

USD = 10**18

TUNING = Tuning(raise_fee_after=1, max_fee_gwei=3, max_fee="0.00004")


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    new_world = World(tmp_path_factory.mktemp("chains"), external_signer=True, tuning=TUNING)
    yield new_world
    new_world.close()


def test_an_external_signer_pays_a_token(world: World) -> None:
    swap = world.paid_for("usdt_erc20")
    done = swap.until("DONE")
    assert swap.received_token() == Decimal(done["to"]["amount"]) > 0
    transaction = world.anvil.call("eth_getTransactionByHash", done["to"]["tx"]["id"])
    assert transaction["from"] == world.hot_address.lower()


def test_a_payout_without_an_outflow_is_made_after_a_kill(world: World) -> None:
    world.evm.hold_before = "eth_estimateGas"
    swap = world.paid_for("eth")
    world.wait_held(world.evm)
    assert swap.now()["status"] == "EXCHANGE"
    assert world.outflow(swap) is None
    world.kill_settlement()
    world.evm.release()
    done = swap.until("DONE")
    assert swap.received_ether() == Decimal(done["to"]["amount"])


def test_a_payout_is_made_once_when_settlement_is_killed_during_signing(world: World) -> None:
    world.signer_hold.touch()
    swap = world.paid_for("eth")
    world.until(world.signer_held)
    outflow = world.outflow(swap)
    assert outflow is not None
    assert outflow["tx_id"] is None
    world.kill_settlement()
    world.signer_hold.unlink()
    done = swap.until("DONE")
    transaction = world.anvil.call("eth_getTransactionByHash", done["to"]["tx"]["id"])
    assert int(transaction["nonce"], 16) == outflow["nonce"]
    assert swap.received_ether() == Decimal(done["to"]["amount"])


def test_a_refund_on_ethereum_is_made_once_when_settlement_is_killed(world: World) -> None:
    before = world.anvil.token_balance(world.token, world.anvil.other_address)
    swap = world.open("usdt_erc20", "ltc", "150")
    world.anvil.send_token(world.token, swap.pay_in, 6_000_000_000)
    world.anvil.mine(2)
    assert swap.until("EMERGENCY")["emergency"]["status"] == ["LIMIT"]
    world.evm.hold_after = "eth_sendRawTransaction"
    request = {"id": swap.id, "token": swap.token, "choice": "REFUND"}
    assert world.partner.call("/emergency", request).data is True
    world.wait_held(world.evm)
    world.kill_settlement()
    world.evm.release()
    back = swap.until("EXPIRED")["back"]
    assert back["address"] == world.anvil.other_address
    after = world.anvil.token_balance(world.token, world.anvil.other_address)
    assert after - before == 6_000_000_000 - 1_500_000
    transaction = world.anvil.call("eth_getTransactionReceipt", back["tx"]["id"])
    assert transaction["status"] == "0x1"


def test_a_payout_whose_deposit_is_dropped_before_signing_is_cancelled(world: World) -> None:
    world.evm.hold_before = "eth_chainId"
    swap = world.open("ltc", "eth", "2")
    first = swap.pay_litecoin("2")
    world.litecoind.mine(2)
    world.wait_held(world.evm)
    outflow = world.outflow(swap)
    assert outflow is not None
    assert outflow["tx_id"] is None
    world.kill_settlement()
    replace_deposit(world, first)
    world.evm.release()
    assert swap.until("NEW")["from"]["tx"]["id"] is None
    assert swap.received_ether() == 0
    (cancelled,) = world.operate("outflow", "cancelled")
    assert (cancelled["order_id"], cancelled["nonce"]) == (swap.id, outflow["nonce"])
    assert world.outflow(swap) is None
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    done = swap.until("DONE")
    assert swap.received_ether() == Decimal(done["to"]["amount"])
    again = world.outflow(swap)
    assert again is not None
    assert again["nonce"] == outflow["nonce"]


def test_a_payout_whose_deposit_is_dropped_after_signing_waits_for_the_operator(
    world: World,
) -> None:
    world.evm.hold_before = "eth_sendRawTransaction"
    swap = world.open("ltc", "eth", "2")
    first = swap.pay_litecoin("2")
    world.litecoind.mine(2)
    world.wait_held(world.evm)
    world.kill_settlement()
    replace_deposit(world, first)
    world.evm.release()
    world.until(lambda: f"swapgate outflow allow {swap.id}" in world.full_log())
    assert swap.now()["status"] == "EXCHANGE"
    assert swap.received_ether() == 0
    signed = world.outflow(swap)
    assert signed is not None
    world.operate("outflow", "allow", swap.id)
    done = swap.until("DONE")
    assert done["to"]["tx"]["id"] == signed["tx_id"]
    assert swap.received_ether() == Decimal(done["to"]["amount"])


def test_a_fixed_rate_far_above_the_market_waits_for_the_operator(world: World) -> None:
    world.operate("fixed-rates", "on")
    world.until(lambda: "FIXED" in world.partner.call("/pairs", {}).data[0]["rateTypes"])
    swap = world.open("ltc", "eth", "2", type="fixed")
    written = "UPDATE orders SET destination_amount = 2 * destination_amount WHERE id = %s"
    world.sql(written, swap.id)
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    world.until(lambda: f"swapgate outflow allow {swap.id}" in world.full_log())
    assert swap.now()["status"] == "EXCHANGE"
    assert world.outflow(swap) is None
    world.operate("outflow", "allow", swap.id)
    done = swap.until("DONE")
    assert swap.received_ether() == Decimal(done["to"]["amount"])
    world.operate("fixed-rates", "off")


def test_false_prices_in_valkey_move_no_money(world: World) -> None:
    world.evm.hold_before = "eth_estimateGas"
    swap = world.open("ltc", "eth", "2")
    forged = RateSnapshot(at=time.time(), prices={"LTC": 85 * USD, "ETH": USD})
    with Valkey.from_url(world.valkey_url) as valkey:
        valkey.set(KEY, encode_snapshot(forged, key=bytes(32)))
        valkey.publish(CHANNEL, encode_snapshot(forged, key=bytes(32)))
    world.until(lambda: "isn't signed with the key" in world.full_log())
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    world.wait_held(world.evm)
    world.evm.release()
    done = swap.until("DONE")
    assert swap.received_ether() == Decimal(done["to"]["amount"]) < 1
    world.until(lambda: len(world.partner.call("/pairs", {}).data) == 12)


def test_a_transaction_that_fails_on_its_chain_is_reported_and_never_counted_as_paid(
    world: World,
) -> None:
    world.evm.hold_before = "eth_sendRawTransaction"
    swap = world.paid_for("usdt_erc20")
    world.wait_held(world.evm)
    balance = world.anvil.token_balance(world.token, world.hot_address)
    world.anvil.set_token_balance(world.token, world.hot_address, 0)
    world.evm.release()
    swap.until("DONE")
    world.until(lambda: "nothing was paid, and the operator has to send it" in world.full_log())
    assert swap.received_token() == 0
    outflow = world.outflow(swap)
    assert outflow is not None
    assert outflow["settled_at"] is None
    world.anvil.set_token_balance(world.token, world.hot_address, balance)
    world.sql("UPDATE outflows SET intended_at = now() - interval '3 h' WHERE settled_at IS NULL")
    assert f"Check the payout of {swap.id}" in world.running.command("doctor").stdout
    world.sql("UPDATE outflows SET intended_at = signed_at WHERE settled_at IS NULL")


def test_an_unconfirmed_payout_gets_a_higher_fee_and_is_paid_once(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    first = swap.until("DONE")["to"]
    raised = world.until(lambda: replacements(world, swap))
    newer = world.until(lambda: later_tx(swap, first["tx"]["id"]))
    assert newer in replacements(world, swap)
    assert raised[0] != first["tx"]["id"]
    assert fee_of(world, newer) > fee_of(world, first["tx"]["id"])
    world.litecoind.mine(2)
    settled = world.until(lambda: settled_tx(world, swap))
    assert swap.now()["to"]["tx"]["id"] == settled
    assert swap.received_litecoin() == Decimal(first["amount"])
    assert settled in replacements(world, swap)


def test_the_replaced_transaction_may_be_the_one_that_is_mined(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    first = swap.until("DONE")["to"]
    world.ltc.hold_before = "sendrawtransaction"
    world.wait_held(world.ltc)
    (stored,) = replacements(world, swap)
    world.kill_settlement()
    world.litecoind.mine(2)
    world.ltc.release()
    assert world.until(lambda: settled_tx(world, swap)) == first["tx"]["id"]
    assert swap.now()["to"]["tx"]["id"] == first["tx"]["id"] != stored
    assert swap.received_litecoin() == Decimal(first["amount"])


def test_a_payout_whose_change_is_spent_is_not_replaced(world: World) -> None:
    swaps = [world.open("usdt_erc20", "ltc", amount) for amount in ("150", "160")]
    for swap, amount in zip(swaps, (150_000_000, 160_000_000), strict=True):
        world.anvil.send_token(world.token, swap.pay_in, amount)
    world.anvil.mine(2)
    paid = [Decimal(swap.until("DONE")["to"]["amount"]) for swap in swaps]
    world.until(lambda: any(replacements(world, swap) for swap in swaps))
    world.until(lambda: "Transaction has descendants" in world.full_log())
    world.litecoind.mine(2)
    world.until(lambda: all(settled_tx(world, swap) for swap in swaps))
    assert [swap.received_litecoin() for swap in swaps] == paid


def test_a_stuck_payout_on_ethereum_is_replaced_under_its_nonce(world: World) -> None:
    world.anvil.call("evm_setAutomine", False)
    swap = world.paid_for("eth")
    first = swap.until("DONE")["to"]
    world.evm.hold_after = "eth_sendRawTransaction"
    world.wait_held(world.evm)
    world.kill_settlement()
    world.evm.release()
    newer = world.until(lambda: later_tx(swap, first["tx"]["id"]))
    world.anvil.mine(3)
    settled = world.until(lambda: settled_tx(world, swap))
    assert settled in replacements(world, swap)
    assert swap.now()["to"]["tx"]["id"] == settled
    assert newer in replacements(world, swap)
    assert swap.received_ether() == Decimal(first["amount"])
    assert world.anvil.call("eth_getTransactionReceipt", first["tx"]["id"]) is None


def test_no_fee_on_litecoin_is_raised_above_its_maximum(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    swap.until("DONE")
    world.until(lambda: "the fee on Litecoin is above the maximum" in world.full_log())
    (pending,) = world.litecoind.call("getrawmempool")
    assert fee_of(world, pending) <= Decimal(TUNING.max_fee)
    world.litecoind.mine(2)
    assert world.until(lambda: settled_tx(world, swap)) == pending


def test_no_fee_on_ethereum_is_raised_above_its_maximum(world: World) -> None:
    world.anvil.call("evm_setAutomine", False)
    swap = world.paid_for("eth")
    swap.until("DONE")
    world.until(lambda: "a higher fee would be above the maximum" in world.full_log())
    transaction = world.anvil.call("eth_getTransactionByHash", swap.now()["to"]["tx"]["id"])
    assert int(transaction["maxFeePerGas"], 16) <= TUNING.max_fee_gwei * 10**9
    world.anvil.mine(3)
    world.until(lambda: settled_tx(world, swap))
    assert swap.received_ether() == Decimal(swap.now()["to"]["amount"])


def replacements(world: World, swap: Swap) -> list[str]:
    outflow = world.outflow(swap)
    return list(outflow["replaced_by"]) if outflow is not None else []


def settled_tx(world: World, swap: Swap) -> str | None:
    outflow = world.outflow(swap)
    return None if outflow is None else outflow["settled_tx_id"]


def later_tx(swap: Swap, first: str) -> str | None:
    """Return the order's transaction once it has replaced `first`, else None."""
    current = str(swap.now()["to"]["tx"]["id"])
    return current if current != first else None


def fee_of(world: World, tx_id: str) -> Decimal:
    """Return the fee that the hot wallet paid for a transaction, which may have been replaced."""
    return -Decimal(world.litecoind.call("gettransaction", tx_id, wallet="hot")["fee"])


def replace_deposit(world: World, tx_id: str) -> None:
    """Remove a confirmed deposit from its chain, and spend its money elsewhere."""
    world.litecoind.invalidate_block_of(tx_id)
    world.litecoind.double_spend(tx_id)
    world.litecoind.mine(3)
