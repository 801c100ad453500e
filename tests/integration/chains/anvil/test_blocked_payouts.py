"""Fifty orders that cannot be paid, for whatever reason, delay no other payout (anvil)."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.chains.networks.evm import checksummed
from feeds.settlement.chains.evm.wallet import EvmWallet
from tests.support.chains import hostile
from tests.support.chains.anvil.hot_wallet import ETHER, HotWallet, new_address
from tests.support.chains.nodes import Anvil
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

BLOCKED = 50
HEALTHY = {"destination": "eth", "amount": "0.0001", "source": "ltc"}


def to_a_reverting_contract(anvil: Anvil) -> dict[str, Any]:
    return {"address": checksummed(anvil.deploy(hostile.contract(hostile.REVERTER)))}


def from_an_empty_token_wallet(_: Anvil) -> dict[str, Any]:
    return {"destination": "usdt_erc20", "amount": "10"}


def from_a_halted_chain(_: Anvil) -> dict[str, Any]:
    return {"source": "btc"}


def to_no_address(_: Anvil) -> dict[str, Any]:
    return {"address": "garbage"}


@pytest.mark.parametrize(
    ("blocked", "reason"),
    [
        (to_a_reverting_contract, "unavailable"),
        (from_an_empty_token_wallet, "unavailable"),
        (from_a_halted_chain, "source_chain"),
        (to_no_address, "unexpected_error"),
    ],
)
async def test_fifty_orders_that_cannot_be_paid_delay_no_other_payout(
    anvil: Anvil,
    hot: HotWallet,
    connect: Callable[[EvmWallet], PayoutWorld],
    blocked: Callable[[Anvil], dict[str, Any]],
    reason: str,
) -> None:
    world = connect(hot.wallet(token=anvil.deploy()))
    await world.start()
    world.watches["Bitcoin"].reliable = False
    order = {**HEALTHY, **blocked(anvil)}
    address = order.pop("address", None)
    due = world.due(*(address or new_address() for _ in range(BLOCKED)), **order)
    healthy = new_address()
    world.due(healthy, **HEALTHY)
    for _ in range(2):
        await world.payouts.round()
    assert anvil.balance(healthy) == ETHER // 10_000
    attempts = [world.attempt(order_id) for order_id in due]
    assert [one.reason if one else None for one in attempts] == [reason] * BLOCKED
