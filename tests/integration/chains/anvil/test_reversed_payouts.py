"""Payouts and voids that a reorganization removes are broadcast again, and block none (anvil)."""

from collections.abc import Callable
from uuid import UUID

import pytest

from domain.actions.operator.outflows import resend_outflow, void_outflow
from domain.errors import InvalidTransition
from feeds.settlement.chains.evm.wallet import EvmWallet
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from tests.support.chains.anvil.hot_wallet import ETHER, HotWallet, new_address
from tests.support.chains.nodes import Anvil
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

CONFIRMATIONS = 3
AMOUNT = ETHER // 10_000
ORDER = {"destination": "eth", "amount": "0.0001", "source": "ltc"}


def settled(world: PayoutWorld) -> set[UUID]:
    """Return the orders whose payouts are settled."""
    rows = world.sql("SELECT order_id FROM outflows WHERE settled_at IS NOT NULL")
    return {order_id for (order_id,) in rows}


async def test_a_settled_payout_that_its_chain_forgets_is_paid_again_and_blocks_no_other(
    anvil: Anvil, hot: HotWallet, connect: Callable[[EvmWallet], PayoutWorld]
) -> None:
    world = connect(hot.wallet())
    await world.start()
    world.sql("UPDATE assets SET confirmations = %s", CONFIRMATIONS)
    before = anvil.call("evm_snapshot")
    first, second = new_address(), new_address()
    (paid,) = world.due(first, **ORDER)
    await world.payouts.round()
    anvil.mine(CONFIRMATIONS)
    await world.payouts.round()
    assert settled(world) == {paid}

    anvil.call("evm_revert", before)
    assert anvil.balance(first) == 0
    (next_order,) = world.due(second, **ORDER)
    await world.payouts.round()
    assert settled(world) == set()
    anvil.mine(2 * CONFIRMATIONS)
    await world.payouts.round()
    assert (anvil.balance(first), anvil.balance(second)) == (AMOUNT, AMOUNT)
    assert settled(world) == {paid, next_order}

    await world.payouts.round()
    assert world.sql("SELECT count(*) FROM outflows WHERE final_at IS NULL") == [(0,)]


async def test_a_void_that_its_chain_forgets_is_sent_again_before_anything_follows_it(
    anvil: Anvil, hot: HotWallet, connect: Callable[[EvmWallet], PayoutWorld]
) -> None:
    world = connect(hot.wallet())
    await world.start()
    world.sql("UPDATE assets SET confirmations = %s", CONFIRMATIONS)
    operator = PostgresOperatorOutflowRepository(world.admin)
    anvil.call("evm_setAutomine", False)
    before = anvil.call("evm_snapshot")
    recipient = new_address()
    (order_id,) = world.due(recipient, **ORDER)
    await world.payouts.round()
    await void_outflow(operator, order_id)
    await world.payouts.round()
    anvil.mine(CONFIRMATIONS)
    await world.payouts.round()
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator, order_id)

    anvil.call("evm_revert", before)
    await world.payouts.round()
    anvil.mine(2 * CONFIRMATIONS)
    await world.payouts.round()
    assert world.sql("SELECT order_id FROM voided_outflows") == [(order_id,)]
    assert anvil.balance(recipient) == 0
