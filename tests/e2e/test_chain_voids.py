"""Payments that must no longer be sent are voided on real nodes, and sent again."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.swap import Swap
from tests.support.chains.world import Tuning, World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]

REASON = ("--reason", "the recipient reported the wrong address")
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


def mine(world: World, asset: str, blocks: int = 3) -> None:
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
    world.anvil.mine(3)
    found = world.until(lambda: voided(world, swap))
    assert found is not None
    assert (found["mined_tx_id"], found["void_requested_at"]) == (first, None)
    world.anvil.set_token_balance(world.token, world.hot_address, balance)
    world.operate("outflow", "resend", swap.id, *REASON)
    settled = until_settled(world, swap, "eth")
    done = swap.until("DONE")
    assert done["to"]["tx"]["id"] == settled != first
    assert swap.received_token() == Decimal(done["to"]["amount"])
