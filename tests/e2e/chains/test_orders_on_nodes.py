"""Orders on litecoind and anvil: tokens, kills, reorganizations, false nodes, refunds, sweeps."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from bip_utils import Base58Decoder, Base58Encoder

from tests.support.chains.nodes import main_address, regtest_address
from tests.support.chains.swap import Swap
from tests.support.chains.sweeping import make_signer, send_signed, sweep, try_sweep
from tests.support.chains.world import DEADLINE, ETHER, World, litecoin_account, needs_nodes
from tests.support.clients.operator_command import error_of

pytestmark = [needs_nodes, pytest.mark.slow]

GAS_PRICE = 50 * 10**9
GENESIS, FORKED = 0, "0" * 64


def test_a_token_is_swapped_for_litecoin(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    paid = world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    assert swap.until("PENDING")["from"]["tx"] == {
        "id": paid,
        "amount": "150.000000",
        "explorer": None,
    }
    world.anvil.mine(2)
    done = swap.until("DONE")
    assert swap.received_litecoin() == Decimal(done["to"]["amount"])
    transaction = world.litecoind.call("getrawtransaction", done["to"]["tx"]["id"], True)
    assert Decimal(done["to"]["amount"]) in [one["value"] for one in transaction["vout"]]
    world.litecoind.mine(2)


def test_litecoin_is_swapped_for_a_token(world: World) -> None:
    swap = world.open("ltc", "usdt_erc20", "2")
    swap.pay_litecoin("2")
    swap.until("PENDING")
    world.litecoind.mine(1)
    world.until(lambda: swap.now()["from"]["confirmations"] == 1)
    assert swap.now()["from"]["confirmationsRequired"] == 2
    world.litecoind.mine(1)
    done = swap.until("DONE")
    assert swap.received_token() == Decimal(done["to"]["amount"]) > 0
    transaction = world.anvil.call("eth_getTransactionReceipt", done["to"]["tx"]["id"])
    assert (transaction["to"], transaction["status"]) == (world.token.lower(), "0x1")


def test_a_deposit_that_a_reorganization_of_ethereum_removes_is_dropped(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    orphaned = world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    assert swap.until("PENDING")["from"]["tx"]["id"] == orphaned
    world.anvil.reorganize(1)
    assert world.anvil.call("eth_getTransactionReceipt", orphaned) is None
    assert swap.until("NEW")["from"]["tx"]["id"] is None
    paid = world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    assert swap.until("PENDING")["from"]["tx"]["id"] == paid
    world.anvil.mine()
    done = swap.until("DONE")
    assert swap.received_litecoin() == Decimal(done["to"]["amount"])


def test_a_signed_payout_is_broadcast_once_after_a_kill(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    world.evm.hold_before = "eth_sendRawTransaction"
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    assert world.evm.held.wait(DEADLINE), world.log()
    intended = world.outflow(swap)
    assert intended is not None
    assert intended["tx_id"] is not None
    assert intended["broadcast_at"] is None
    world.kill_settlement()
    world.evm.release()
    done = swap.until("DONE")
    assert done["to"]["tx"]["id"] == intended["tx_id"]
    assert world.anvil.balance(swap.recipient) == int(Decimal(done["to"]["amount"]) * ETHER)


def test_a_broadcast_payout_that_was_not_recorded_is_recorded_after_a_kill(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    world.ltc.hold_after = "sendrawtransaction"
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    assert world.ltc.held.wait(DEADLINE), world.log()
    assert swap.now()["status"] == "EXCHANGE"
    assert swap.received_litecoin() > 0
    world.kill_settlement()
    world.ltc.release()
    done = swap.until("DONE")
    assert swap.received_litecoin() == Decimal(done["to"]["amount"])
    world.litecoind.mine(2)
    assert swap.received_litecoin() == Decimal(done["to"]["amount"])


@pytest.mark.parametrize(
    "method",
    ["fundrawtransaction", "signrawtransactionwithwallet"],
)
def test_an_unsigned_payout_is_signed_after_a_kill(world: World, method: str) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    world.ltc.hold_before = method
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    assert world.ltc.held.wait(DEADLINE), world.log()
    intended = world.outflow(swap)
    assert intended is not None
    assert intended["tx_id"] is None
    world.kill_settlement()
    world.ltc.release()
    done = swap.until("DONE")
    world.until(lambda: world.litecoind.call("listlockunspent", wallet="hot") == [])
    assert swap.received_litecoin() == Decimal(done["to"]["amount"])


@pytest.mark.parametrize(
    ("method", "falsify", "alarm"),
    [
        ("getblockcount", lambda height: height - 5, "node 2 is 5 blocks behind"),
        ("getblockhash", lambda _: FORKED, "the nodes have different blocks"),
    ],
)
def test_a_chain_waits_for_a_node_that_is_behind_or_on_another_fork(
    world: World, method: str, falsify: Callable[[Any], Any], alarm: str
) -> None:
    swap = world.open("ltc", "eth", "2")
    world.ltc_second.alter = lambda called, parameters, result: (
        falsify(result) if called == method and parameters != [GENESIS] else result
    )
    swap.pay_litecoin("2")
    world.litecoind.mine(3)
    world.until(lambda: alarm in str(world.chain("Litecoin")["alarm"]))
    assert swap.now()["status"] in ("NEW", "PENDING")
    world.ltc_second.alter = None
    swap.until("DONE")
    assert world.chain("Litecoin")["alarm"] is None


def test_nothing_is_sent_while_outflows_are_off_or_above_their_cap(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    world.operate("outflow", "off")
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    swap.until("EXCHANGE")
    world.until(lambda: "outflow is off" in world.full_log())
    assert world.anvil.balance(swap.recipient) == 0
    world.operate("outflow", "cap", "1")
    world.operate("outflow", "on")
    world.until(lambda: "daily cap" in world.full_log())
    assert world.anvil.balance(swap.recipient) == 0
    world.operate("outflow", "cap", "none")
    swap.until("DONE")
    assert world.anvil.balance(swap.recipient) > 0


def test_a_deposit_replaced_by_its_sender_is_dropped_and_the_new_one_counts(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    first = swap.pay_litecoin("2")
    swap.until("PENDING")
    second = world.litecoind.call("bumpfee", first, wallet="user")["txid"]
    world.litecoind.mine(2)
    done = swap.until("DONE")
    assert done["from"]["tx"] == {"id": second, "amount": "2.00000000", "explorer": None}


def test_an_order_whose_deposit_is_double_spent_waits_for_another(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    first = swap.pay_litecoin("2")
    swap.until("PENDING")
    world.litecoind.double_spend(first)
    world.litecoind.mine()
    assert swap.until("NEW")["from"]["tx"] == {"id": None, "amount": None, "explorer": None}
    swap.pay_litecoin("2")
    world.litecoind.mine(2)
    swap.until("DONE")


def test_a_deposit_of_another_token_is_listed_for_the_operator(world: World) -> None:
    swap = world.open("usdt_erc20", "ltc", "150")
    transaction = world.anvil.send_token(world.other_token, swap.pay_in, 150_000_000)
    world.anvil.mine(2)
    unclaimed = world.until(lambda: world.operate("chain", "unclaimed"))
    assert [(one["tx_id"], one["asset"], one["order_id"]) for one in unclaimed] == [
        (transaction, "usdc_erc20", swap.id)
    ]
    assert Decimal(unclaimed[0]["amount"]) == 150
    assert swap.now()["status"] == "NEW"


def test_dust_of_a_third_party_neither_delays_nor_changes_an_order(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    swap.pay_litecoin("2")
    world.litecoind.mine()
    dust = swap.pay_litecoin("0.00099999")  # in a later block than the deposit
    world.litecoind.mine()
    assert swap.until("DONE")["from"]["tx"]["amount"] == "2.00000000"
    world.until(lambda: dust in str(world.operate("chain", "unclaimed")))


def test_a_deposit_outside_the_limits_is_refunded_on_its_chain(world: World) -> None:
    swap = world.open("ltc", "eth", "2")
    swap.pay_litecoin("80")
    world.litecoind.mine(2)
    assert swap.until("EMERGENCY")["emergency"]["status"] == ["LIMIT"]
    refund = {"id": swap.id, "token": swap.token, "choice": "REFUND"}
    assert world.partner.call("/emergency", refund).data is True
    refunded = swap.until("EXPIRED")["back"]
    received = world.litecoind.received(regtest_address(refunded["address"]))
    assert received == Decimal("79.999")
    assert refunded["tx"]["id"] in world.litecoind.call("getrawmempool")


def test_litecoin_pay_ins_are_swept_by_the_wallet_with_the_keys(world: World) -> None:
    for amount in ("2", "3"):
        world.open("ltc", "eth", amount).pay_litecoin(amount)
    world.litecoind.mine()
    cold = world.litecoind.address("user")
    drafted = sweep(world, "ltc", "--to", main_address(cold), "--fee-rate", "0.0002")
    call = world.litecoind.call
    inputs = call("decodepsbt", drafted["psbt"])["inputs"]
    assert all(one["bip32_derivs"] for one in inputs)
    assert drafted["inputs"] == len(inputs) >= 2
    total = sum(Decimal(one["witness_utxo"]["amount"]) for one in inputs)
    assert Decimal(drafted["amount"]) + Decimal(drafted["fee"]) == total >= 5
    make_signer(world)
    signed = call("walletprocesspsbt", drafted["psbt"], wallet="signer")
    assert signed["complete"]
    final = call("finalizepsbt", signed["psbt"])["hex"]
    size = call("decoderawtransaction", final)["vsize"]
    above = Decimal(drafted["fee"]) * 10**8 - 20 * size
    assert 0 <= above < 20 * (30 + len(inputs)), "20 per vB, or slightly more"
    call("sendrawtransaction", final)
    assert world.litecoind.received(cold) == Decimal(drafted["amount"])


def test_ether_and_token_pay_ins_are_swept_by_the_key_holder(world: World) -> None:
    coins, tokens = world.open("eth", "ltc", "0.5"), world.open("usdt_erc20", "ltc", "150")
    world.anvil.send(coins.pay_in, ETHER // 2)
    world.anvil.send_token(world.token, tokens.pay_in, 150_000_000)
    cold = world.anvil.other_address
    before = world.anvil.balance(cold)
    transfer = transfer_from(coins, "eth", cold)
    send_signed(world, transfer)
    assert world.anvil.balance(cold) - before == ETHER // 2 - 21_000 * GAS_PRICE
    assert not transfer_from(tokens, "usdt_erc20", cold)["hasGas"]
    world.anvil.send(tokens.pay_in, ETHER // 10)
    transfer = transfer_from(tokens, "usdt_erc20", cold)
    assert transfer["hasGas"]
    balance = world.anvil.token_balance(world.token, cold)
    send_signed(world, transfer)
    assert world.anvil.token_balance(world.token, cold) - balance == 150_000_000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["trx", "--to", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"], "does not contain trx"),
        (["ltc", "--to", "ltc1qnonsense"], "ot an address on"),
        (["usdc_erc20", "--to", "0x1"], "10 to 200 printable"),
    ],
)
def test_a_sweep_that_is_not_possible_is_rejected(
    world: World, arguments: list[str], reason: str
) -> None:
    assert reason in error_of(try_sweep(world, *arguments))


def test_settlement_estimates_what_payouts_cost(world: World) -> None:
    def shown() -> dict[str, Any]:
        fee: dict[str, Any] = world.operate("network-fee", "show", "eth")
        return fee

    fee = world.until(lambda: found if (found := shown())["estimate"] is not None else None)
    assert fee is not None
    assert 0 < Decimal(fee["estimate"]) < 1
    assert Decimal(fee["operatorFee"]) <= Decimal(fee["networkFee"])
    litecoin = world.operate("network-fee", "show", "ltc")
    assert litecoin["estimate"] is None, "a regtest node has nothing to estimate from"
    assert litecoin["networkFee"] == litecoin["operatorFee"]


def transfer_from(swap: Swap, asset: str, to: str) -> dict[str, Any]:
    """Return the draft for the address of one order."""
    drafted = sweep(swap.world, asset, "--to", to)
    (draft,) = (one for one in drafted if one["from"] == swap.pay_in)
    return dict(draft)


def test_pay_in_addresses_equal_those_of_litecoinds_descriptor(world: World) -> None:
    call = world.litecoind.call
    descriptor = call("getdescriptorinfo", f"wpkh({tpub(litecoin_account())}/0/*)")
    derived = call("deriveaddresses", descriptor["descriptor"], [0, 2])
    shown = world.operate("pay-in", "set", "litecoin", litecoin_account())["firstAddresses"]
    assert [main_address(one) for one in derived] == shown


def tpub(extended: str) -> str:
    """Return the tpub of an extended public key: the same key on a test network."""
    decoded = Base58Decoder.CheckDecode(extended)
    return str(Base58Encoder.CheckEncode(bytes.fromhex("043587cf") + decoded[4:]))
