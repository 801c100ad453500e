"""Deleted orders: deposits that arrive after the deletion, and deposits that were dropped."""

import asyncio
from uuid import UUID

import pytest

from domain.actions.orders.delete_order import delete_order
from domain.actions.orders.expire_orders import expire_order
from domain.actions.orders.observe_deposit import drop_deposits
from domain.actions.orders.resolve_emergency import choose_resolution
from domain.actions.orders.show_order import show_order
from domain.errors import InvalidTransition, NotFound
from domain.orders.order import Order
from domain.orders.states import State
from tests.support.builders.order_world import TOKEN, OrderWorld, outcome

AGREED = 1_000_000


async def expired(world: OrderWorld) -> UUID:
    order_id = await world.opened()
    await expire_order(world.settlement_ports, order_id)
    return order_id


async def delete(world: OrderWorld, order_id: UUID) -> None:
    await delete_order(world.gateway_ports.orders, order_id=str(order_id), token=TOKEN)


async def shown(world: OrderWorld, order_id: UUID) -> Order:
    return await show_order(
        world.gateway_ports.orders,
        partner_id=world.partner.id,
        order_id=str(order_id),
        token=TOKEN,
    )


async def test_a_deposit_on_a_deleted_order_is_found_and_refunded(world: OrderWorld) -> None:
    order_id = await expired(world)
    await delete(world, order_id)
    with pytest.raises(NotFound):
        await shown(world, order_id)
    await world.observe(order_id, "tx", AGREED)
    assert (await shown(world, order_id)).deposits.total == AGREED
    await world.confirm(order_id)
    assert (await shown(world, order_id)).state is State.HELD
    assert world.statuses()[-1] == "EMERGENCY"
    await choose_resolution(
        world.gateway_ports,
        partner_id=world.partner.id,
        order_id=str(order_id),
        token=TOKEN,
        choice="REFUND",
    )
    assert await world.execute_choices() == 1
    assert (await shown(world, order_id)).refund_tx_id == f"back-{order_id}"


async def test_dust_does_not_restore_a_deleted_order(world: OrderWorld) -> None:
    order_id = await expired(world)
    await delete(world, order_id)
    await world.observe(order_id, "dust", 1)
    with pytest.raises(NotFound):
        await shown(world, order_id)


async def test_a_late_deposit_on_a_deleted_order_restores_it(world: OrderWorld) -> None:
    order_id = await world.opened()
    world.sql(f"UPDATE orders SET state = 'cancelled', finished_at = now() WHERE id = '{order_id}'")
    await delete(world, order_id)
    order = await world.observe(order_id, "tx", AGREED)
    assert [one.late for one in order.deposits.all] == [True]
    assert (await shown(world, order_id)).deposits.all[0].amount == AGREED


async def test_an_order_with_a_dropped_deposit_is_deleted_and_restored_if_it_reappears(
    world: OrderWorld,
) -> None:
    order_id = await expired(world)
    await world.observe(order_id, "tx", AGREED)
    with pytest.raises(InvalidTransition):
        await delete(world, order_id)
    await drop_deposits(world.settlement_ports, order_id, {"tx"})
    assert (await shown(world, order_id)).is_deletable
    await delete(world, order_id)
    with pytest.raises(NotFound):
        await shown(world, order_id)
    await world.observe(order_id, "tx", AGREED)
    await world.confirm(order_id)
    order = await shown(world, order_id)
    assert (order.state, order.deposits.total) == (State.HELD, AGREED)


async def test_a_deposit_recorded_during_the_deletion_is_never_hidden(world: OrderWorld) -> None:
    for number in range(10):
        order_id = await expired(world)
        await asyncio.gather(
            outcome(delete(world, order_id)), world.observe(order_id, f"tx{number}", AGREED)
        )
        assert (await shown(world, order_id)).deposits.total == AGREED
