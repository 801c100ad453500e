"""Payments that must no longer be sent are voided on real nodes, and sent again."""

import secrets
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from domain.chains.networks.evm import checksummed
from tests.support.chains.anvil.two_anvils import set_code
from tests.support.chains.erc20 import assemble
from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.nodes import main_address, regtest_address
from tests.support.chains.swap import Swap
from tests.support.chains.world import ETHER, Tuning, World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]

REASON = ("--reason", "the recipient reported the wrong address")
RETURNS_FALSE = "0x00 0x00 MSTORE 0x20 0x00 RETURN"
RETURNS_TRUE_WITHOUT_A_LOG = "0x01 0x00 MSTORE 0x20 0x00 RETURN"
FINAL = 4
"""Blocks after which a payment that paid nobody has ended: twice the confirmations."""
ASSETS = pytest.mark.parametrize("asset", ["eth", "ltc"])


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tuning = Tuning(raise_fee_after=3600, max_fee_gwei=50, max_fee="0.01")
    new_world = World(tmp_path_factory.mktemp("voids"), tuning=tuning)
    yield new_world
    new_world.close()


@pytest.fixture
def manual_blocks(world: World) -> Iterator[None]:
    """Let anvil mine only on request, as litecoind does."""
    world.anvil.call("evm_setAutomine", False)
    yield
    world.anvil.call("evm_setAutomine", True)


def paid_for(world: World, asset: str) -> Swap:
    if asset == "eth":
        return world.paid_for("eth")
    swap = world.open("usdt_erc20", "ltc", "150")
    world.anvil.send_token(world.token, swap.pay_in, 150_000_000)
    world.anvil.mine(3)
    return swap


def mine(world: World, asset: str, blocks: int = FINAL) -> None:
    (world.anvil if asset == "eth" else world.litecoind).mine(blocks)


def received(swap: Swap, asset: str) -> Decimal:
    return swap.received_ether() if asset == "eth" else swap.received_litecoin()


def proxy(world: World, asset: str) -> NodeProxy:
    return world.evm if asset == "eth" else world.ltc


def broadcast_method(asset: str) -> str:
    return "eth_sendRawTransaction" if asset == "eth" else "sendrawtransaction"


def is_known(world: World, asset: str, tx_id: str) -> bool:
    """Return whether the node has a transaction, pending or in a block."""
    if asset == "eth":
        return world.anvil.call("eth_getTransactionByHash", tx_id) is not None
    try:
        world.litecoind.call("getrawtransaction", tx_id)
    except AssertionError:
        return False
    return True


def voided(world: World, swap: Swap) -> dict[str, Any] | None:
    found = [one for one in world.operate("outflow", "voided") if one["order_id"] == swap.id]
    return found[-1] if found else None


def until_void_is_signed(world: World, swap: Swap) -> str:
    def replacement() -> list[str]:
        outflow = world.outflow(swap)
        assert outflow is not None
        return list(outflow["replaced_by"])

    return world.until(replacement)[-1]


def until_voided(world: World, swap: Swap, asset: str) -> dict[str, Any]:
    """Mine the void once it is pending; return the voided outflow."""
    world.until(lambda: is_known(world, asset, until_void_is_signed(world, swap)))
    mine(world, asset)
    found = world.until(lambda: voided(world, swap))
    assert found is not None
    return found


def until_settled(world: World, swap: Swap, asset: str) -> str:
    """Mine the payment once it is pending, unless it is in a block; return what settled."""

    def sent() -> bool:
        outflow = world.outflow(swap)
        if outflow is None or outflow["broadcast_at"] is None:
            return False
        return any(
            is_known(world, asset, tx_id) for tx_id in (outflow["tx_id"], *outflow["replaced_by"])
        )

    def settled() -> str | None:
        outflow = world.outflow(swap)
        return None if outflow is None else outflow["settled_tx_id"]

    world.until(sent)
    mine(world, asset)
    return str(world.until(settled))


def check_resent(world: World, swap: Swap, asset: str) -> None:
    """Send the payment again: the recipient has it once, and the order names its transaction."""
    world.operate("outflow", "resend", swap.id, *REASON)
    settled = until_settled(world, swap, asset)
    done = swap.until("DONE")
    assert done["to"]["tx"]["id"] == settled
    assert received(swap, asset) == Decimal(done["to"]["amount"]) > 0
    assert world.operate("reconcile")["differences"] == []


@ASSETS
@pytest.mark.usefixtures("manual_blocks")
def test_a_voided_payout_pays_nobody_and_is_sent_again(world: World, asset: str) -> None:
    swap = paid_for(world, asset)
    first = swap.until("DONE")["to"]["tx"]["id"]
    world.operate("outflow", "void", swap.id, *REASON)
    void = until_void_is_signed(world, swap)
    found = until_voided(world, swap, asset)
    assert (found["tx_ids"], found["mined_tx_id"]) == ([first, void], void)
    assert received(swap, asset) == 0
    check_resent(world, swap, asset)


@ASSETS
@pytest.mark.usefixtures("manual_blocks")
def test_an_original_that_is_mined_before_its_void_settles(world: World, asset: str) -> None:
    swap = paid_for(world, asset)
    first = swap.until("DONE")["to"]
    proxy(world, asset).hold_before = broadcast_method(asset)
    world.operate("outflow", "void", swap.id, *REASON)
    world.wait_held(proxy(world, asset))
    mine(world, asset)
    world.kill_settlement()
    proxy(world, asset).release()
    assert until_settled(world, swap, asset) == first["tx"]["id"]
    assert voided(world, swap) is None
    assert received(swap, asset) == Decimal(first["amount"])


@ASSETS
@pytest.mark.usefixtures("manual_blocks")
def test_a_signed_payout_that_was_never_broadcast_is_voided(world: World, asset: str) -> None:
    proxy(world, asset).hold_before = broadcast_method(asset)
    swap = paid_for(world, asset)
    world.wait_held(proxy(world, asset))
    world.kill_settlement()
    world.operate("outflow", "void", swap.id, *REASON)
    proxy(world, asset).release()
    until_voided(world, swap, asset)
    assert swap.now()["status"] == "EXCHANGE"
    assert received(swap, asset) == 0
    check_resent(world, swap, asset)


@pytest.mark.parametrize("hold", ["hold_before", "hold_after"])
@ASSETS
@pytest.mark.usefixtures("manual_blocks")
def test_a_void_is_finished_after_settlement_is_killed(world: World, asset: str, hold: str) -> None:
    swap = paid_for(world, asset)
    swap.until("DONE")
    setattr(proxy(world, asset), hold, broadcast_method(asset))
    world.operate("outflow", "void", swap.id, *REASON)
    world.wait_held(proxy(world, asset))
    void = until_void_is_signed(world, swap)
    world.kill_settlement()
    proxy(world, asset).release()
    assert until_voided(world, swap, asset)["mined_tx_id"] == void
    assert received(swap, asset) == 0
    check_resent(world, swap, asset)


def test_a_payout_that_failed_on_its_chain_is_sent_again(world: World) -> None:
    world.evm.hold_before = "eth_sendRawTransaction"
    swap = world.paid_for("usdt_erc20")
    world.wait_held(world.evm)
    balance = world.anvil.token_balance(world.token, world.hot_address)
    world.anvil.set_token_balance(world.token, world.hot_address, 0)
    world.evm.release()
    first = swap.until("DONE")["to"]["tx"]["id"]
    world.anvil.mine(FINAL)
    found = world.until(lambda: voided(world, swap))
    assert found is not None
    assert (found["mined_tx_id"], found["void_requested_at"]) == (first, None)
    world.anvil.set_token_balance(world.token, world.hot_address, balance)
    world.operate("outflow", "resend", swap.id, *REASON)
    settled = until_settled(world, swap, "eth")
    done = swap.until("DONE")
    assert done["to"]["tx"]["id"] == settled != first
    assert swap.received_token() == Decimal(done["to"]["amount"])


@pytest.mark.parametrize("runtime", [RETURNS_FALSE, RETURNS_TRUE_WITHOUT_A_LOG])
def test_an_order_whose_token_paid_nobody_is_refunded_although_it_is_done(
    world: World, runtime: str
) -> None:
    world.evm.hold_before = "eth_sendRawTransaction"
    swap = world.paid_for("usdt_erc20")
    world.wait_held(world.evm)
    code = world.anvil.call("eth_getCode", world.token, "latest")
    set_code(world.anvil, world.token, assemble(runtime))
    world.evm.release()
    first = swap.until("DONE")["to"]["tx"]["id"]
    world.anvil.mine(FINAL)
    found = world.until(lambda: voided(world, swap))
    assert found is not None
    assert found["mined_tx_id"] == first
    listed = {one["order_id"]: one["reason"] for one in world.operate("outflow", "list")}
    assert listed[swap.id] == "transaction_failed"

    world.anvil.call("anvil_setCode", world.token, code)
    world.operate("order", "resolve", swap.id, "refund", *REASON)
    settled = until_settled(world, swap, "ltc")
    done = swap.now()
    assert (done["status"], done["to"]["tx"]["id"]) == ("DONE", first)
    assert done["back"]["tx"]["id"] == settled
    fee = Decimal(world.operate("network-fee", "show", "ltc")["networkFee"])
    refunded = world.litecoind.received(regtest_address(done["back"]["address"]))
    assert refunded == 2 - fee
    assert swap.received_token() == 0
    assert world.operate("reconcile")["differences"] == []


def test_a_voided_refund_of_a_deposit_is_sent_again_once_its_void_is_final(world: World) -> None:
    world.anvil.call("evm_setAutomine", False)
    deposits = {"ltc": late_litecoin(world), "eth": wrong_asset(world)}
    for asset, tx_id in deposits.items():
        check_deposit_refund(world, asset, tx_id)
    world.anvil.call("evm_setAutomine", True)
    assert world.operate("reconcile")["differences"] == []


def late_litecoin(world: World) -> str:
    swap = paid_for(world, "eth")
    swap.until("DONE")
    world.anvil.mine(3)
    late = swap.pay_litecoin("0.5")
    world.litecoind.mine(2)
    return late


def wrong_asset(world: World) -> str:
    pay_in = world.open("usdt_erc20", "ltc", "150").pay_in
    world.anvil.call(
        "eth_sendTransaction",
        {"from": world.anvil.user_address, "to": pay_in, "value": hex(ETHER // 100)},
    )
    pending = world.anvil.call("eth_getBlockByNumber", "pending", False)["transactions"][-1]
    world.anvil.mine(3)
    return str(pending)


def check_deposit_refund(world: World, asset: str, tx_id: str) -> None:
    """Send a deposit back, void that, and send it again: the customer has it once."""
    is_ether = asset == "eth"
    customer = (
        checksummed("0x" + secrets.token_hex(20))
        if is_ether
        else main_address(world.litecoind.address("user"))
    )

    def deposit() -> dict[str, Any]:
        listed = world.operate("deposit", "list")
        return next((one for one in listed if one["txId"] == tx_id), {})

    def outflow() -> dict[str, Any]:
        listed = world.operate("outflow", "list")
        return next((one for one in listed if one["order_id"] == deposit()["proposal"]), {})

    world.until(lambda: deposit().get("confirmed"))
    world.operate("deposit", "refund", tx_id, "--to", customer, "--reason", "ticket 7")
    world.until(lambda: deposit()["stage"] == "broadcast")
    proposal = deposit()["proposal"]
    world.operate("outflow", "void", proposal, *REASON)
    world.until(lambda: outflow().get("replaced_by"))
    void = outflow()["replaced_by"][-1]
    world.until(lambda: is_known(world, asset, void))
    mine(world, asset, 1)  # not deep enough: the void is not final
    assert operate_fails(world, "outflow", "resend", proposal, *REASON)
    mine(world, asset)
    world.until(lambda: deposit()["stage"] == "voided")
    assert deposit()["next"].startswith(f"swapgate outflow resend {proposal}")
    assert received_by(world, customer) == 0

    world.operate("outflow", "resend", proposal, *REASON)
    world.until(lambda: outflow().get("broadcast_at") is not None)
    world.until(lambda: is_known(world, asset, outflow()["tx_id"]))
    mine(world, asset)
    world.until(lambda: deposit()["stage"] == "settled")
    fee = Decimal(world.operate("network-fee", "show", asset)["networkFee"])
    assert received_by(world, customer) == Decimal("0.01" if is_ether else "0.5") - fee


def received_by(world: World, customer: str) -> Decimal:
    if customer.startswith("0x"):
        return Decimal(world.anvil.balance(customer)).scaleb(-18)
    return world.litecoind.received(regtest_address(customer))


def operate_fails(world: World, *arguments: str) -> bool:
    try:
        world.operate(*arguments)
    except AssertionError:
        return True
    return False
