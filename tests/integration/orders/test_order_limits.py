"""Maximum, reserve and dust: what a held order may be exchanged for, and what counts at all."""

import asyncio

import pytest

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.quote import SwapRequest
from domain.actions.orders.resolve_emergency import offered_choices
from domain.actions.orders.resolve_order import exchange_order
from domain.errors import BelowMinimum, EmergencyInvalidChoice, ReserveExceeded
from domain.market.pricing import Direction
from domain.orders.order import Order
from domain.orders.states import Choice, Emergency, RateType, State
from tests.support.builders.order_world import FAR_FUTURE, OUT_OF_BOUNDS, TOO_MUCH, OrderWorld
from tests.support.builders.records import add_addresses
from tests.support.clients.visitor import REFUND, TO

AGREED = 1_000_000
PROMISE = 619_987_500 + 1_200_000
"""What the agreed amount reserves: the payout in units of 10^-6 USDT, and the network fee."""


def set_reserve(world: OrderWorld, usdt: int) -> None:
    world.sql(
        f"INSERT INTO reserves (asset, amount) VALUES ('usdt_trc20', {usdt})"
        f" ON CONFLICT (asset) DO UPDATE SET amount = {usdt}"
    )


async def offered(world: OrderWorld, order: object) -> tuple[Choice, ...]:
    return offered_choices(world.gateway_ports, await world.read(order))  # type: ignore[arg-type]


async def test_100_btc_are_not_exchanged_for_a_pair_of_5000_usd_and_a_reserve_of_1000(
    world: OrderWorld,
) -> None:
    set_reserve(world, 1_000)
    order_id = await world.held(TOO_MUCH)
    assert await offered(world, order_id) == (Choice.REFUND,)
    with pytest.raises(EmergencyInvalidChoice, match="not offered"):
        await world.choose(order_id, "EXCHANGE")
    with pytest.raises(EmergencyInvalidChoice, match="maximum"):
        await exchange_order(world.settlement_ports, order_id, overrule=True)
    with pytest.raises(ReserveExceeded):
        await exchange_order(world.settlement_ports, order_id, above_maximum=True)
    assert (await world.read(order_id)).state is State.HELD
    set_reserve(world, 7_000_000)
    order = await exchange_order(world.settlement_ports, order_id, above_maximum=True)
    assert (order.state, order.source_amount) == (State.PAYING_OUT, TOO_MUCH)


async def test_a_choice_made_while_prices_were_missing_is_reset_above_the_maximum(
    world: OrderWorld,
) -> None:
    order_id = await world.held(TOO_MUCH)
    world.without_rates()
    await world.choose(order_id, "EXCHANGE")
    world.rates()
    await world.execute_choices()
    order = await world.read(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.NONE)


async def test_a_chosen_exchange_is_reset_where_the_reserve_does_not_cover_it(
    world: OrderWorld,
) -> None:
    order_id = await world.held(OUT_OF_BOUNDS)
    set_reserve(world, 50)
    await world.choose(order_id, "EXCHANGE")
    await world.execute_choices()
    order = await world.read(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.NONE)
    set_reserve(world, 64)
    await world.choose(order_id, "EXCHANGE")
    await world.execute_choices()
    assert (await world.read(order_id)).state is State.PAYING_OUT


async def test_an_order_is_held_where_the_reserve_does_not_cover_its_payout(
    world: OrderWorld,
) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    set_reserve(world, 600)
    await world.observe(order_id, "tx", AGREED)
    order = await world.confirm(order_id)
    assert (order.state, order.emergency) == (State.HELD, (Emergency.LIMIT,))
    assert world.statuses() == ["PENDING", "EMERGENCY"]


async def test_payouts_that_are_due_never_exceed_the_reserve_together(world: OrderWorld) -> None:
    orders = [await world.opened(expires_at=FAR_FUTURE) for _ in range(6)]
    for order_id in orders:
        await world.observe(order_id, "tx", AGREED)
    set_reserve(world, 2_000)
    confirmed = await asyncio.gather(*(world.confirm(order_id) for order_id in orders))
    states = [order.state for order in confirmed]
    assert (states.count(State.PAYING_OUT), states.count(State.HELD)) == (3, 3)
    paid = next(order for order in confirmed if order.state is State.PAYING_OUT)
    await complete_payout(world.settlement_ports, paid.id, "out")
    waiting = next(order for order in confirmed if order.state is State.HELD)
    with pytest.raises(ReserveExceeded):
        await exchange_order(world.settlement_ports, waiting.id)


async def test_no_order_is_created_whose_payout_would_be_dust(world: OrderWorld) -> None:
    world.sql("INSERT INTO connected_assets VALUES ('btc', true, true), ('usdt_trc20', true, true)")
    await world.set_operator("min_usd = 0.01")
    add_addresses(world.urls.owner, 1, network="Tron")

    async def opened(payout: str) -> Order:
        request = OrderRequest(
            partner_id=world.partner.id,
            code_id=None,
            swap=SwapRequest(RateType.FLOAT, "usdt_trc20", "btc", Direction.TO, payout),
            markup_bps=0,
            destination_address=REFUND,
            destination_tag=None,
            refund_address=TO,
            source_network=None,
            destination_network=None,
        )
        return (await open_order(world.gateway_ports, request, idempotency=None)).order

    with pytest.raises(BelowMinimum):
        await opened("0.00000545")
    assert (await opened("0.00000546")).destination_amount == 546


async def test_dust_of_a_third_party_changes_nothing(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE, rate_type=RateType.FIXED)
    await world.observe(order_id, "tx", AGREED)
    before = await world.read(order_id)
    assert await world.observe(order_id, "dust", 99) == before
    order = await world.confirm(order_id)
    assert (order.state, order.rate) == (State.PAYING_OUT, before.rate)
    assert order.destination_amount == before.destination_amount


async def test_dust_on_an_expired_order_does_not_hold_it(world: OrderWorld) -> None:
    order_id = await world.opened()
    order = await world.observe(order_id, "dust", 99)
    assert (order.state, order.deposits.all) == (State.AWAITING_DEPOSIT, ())
    assert (await world.observe(order_id, "tx", 100)).deposits.total == 100


async def test_the_agreed_amount_counts_however_small(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE, source_amount=50)
    assert (await world.observe(order_id, "tx", 49)).deposits.all == ()
    assert (await world.observe(order_id, "tx", 50)).deposits.total == 50
