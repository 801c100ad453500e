"""Choices for held orders on a real PostgreSQL, also made concurrently."""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain.actions.orders.resolve_emergency import execute_choices
from domain.actions.orders.resolve_order import cancel_order, exchange_order, refund_order
from domain.errors import (
    EmergencyInvalidChoice,
    InvalidTransition,
    NotFound,
    Unavailable,
)
from domain.orders.states import Choice, State
from tests.support.builders.order_world import OUT_OF_BOUNDS, TOO_LITTLE, OrderWorld, outcome
from tests.support.builders.records import stored_partner

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from domain.orders.order import Order


async def test_a_choice_is_recorded_and_then_executed_by_settlement(world: OrderWorld) -> None:
    for choice, state in (("EXCHANGE", State.PAYING_OUT), ("REFUND", State.REFUNDED)):
        order_id = await world.held()
        await world.choose(order_id, choice)
        order = await world.read(order_id)
        assert (order.state, order.choice) == (State.HELD, Choice[choice])
        assert await world.execute_choices() == 1
        order = await world.read(order_id)
        assert (order.state, order.choice) == (state, Choice[choice])
        assert await world.execute_choices() == 0
        await world.choose(order_id, choice)


async def test_of_concurrent_choices_exactly_one_is_recorded(world: OrderWorld) -> None:
    for _ in range(4):
        order_id = await world.held()
        choices = ["EXCHANGE", "REFUND"] * 4
        outcomes = await asyncio.gather(
            *(outcome(world.choose(order_id, choice)) for choice in choices)
        )
        taken = {choice for choice, error in zip(choices, outcomes, strict=True) if error is None}
        assert taken == {(await world.read(order_id)).choice.value}
        assert all(
            error is None or isinstance(error, EmergencyInvalidChoice) for error in outcomes
        ), outcomes
        assert sum(error is None for error in outcomes) == 4


@pytest.mark.parametrize("choice", ["EXCHANGE", "REFUND"])
@pytest.mark.parametrize("operator", ["exchange", "refund", "cancel"])
async def test_of_partner_and_operator_acting_concurrently_exactly_one_wins(
    world: OrderWorld, choice: str, operator: str
) -> None:
    winners = set()
    for _ in range(5):
        order_id = await world.held()
        resolve: dict[str, Awaitable[Order]] = {
            "exchange": exchange_order(world.settlement_ports, order_id),
            "refund": refund_order(world.settlement_ports, order_id, "back"),
            "cancel": cancel_order(world.settlement_ports, order_id),
        }
        by_operator = outcome(resolve.pop(operator))
        for other in resolve.values():
            other.close()  # type: ignore[attr-defined]
        calls = [outcome(world.choose(order_id, choice)), by_operator]
        partner_lost, operator_lost = await asyncio.gather(*calls)
        await world.execute_choices()
        order = await world.read(order_id)
        partners_state = State.PAYING_OUT if choice == "EXCHANGE" else State.REFUNDED
        if partner_lost is None and operator.upper() != choice:
            assert isinstance(operator_lost, EmergencyInvalidChoice | InvalidTransition)
            assert order.state is partners_state
            winners.add("partner")
        elif partner_lost is None:
            assert order.state is partners_state
            winners.add("both")
        else:
            assert operator_lost is None
            assert isinstance(partner_lost, NotFound)
            assert order.choice is (
                Choice.NONE if operator == "cancel" else Choice[operator.upper()]
            )
            winners.add("operator")
    assert winners, "exactly one side wins each time"


async def test_an_exchange_waits_for_fresh_rates(world: OrderWorld) -> None:
    order_id = await world.held()
    world.without_rates()
    await world.choose(order_id, "EXCHANGE")
    with pytest.raises(Unavailable):
        world.market.snapshot()
    assert await world.execute_choices() == 0
    assert (await world.read(order_id)).state is State.HELD
    world.rates()
    assert await world.execute_choices() == 1
    assert (await world.read(order_id)).state is State.PAYING_OUT


async def test_a_refund_needs_no_rates(world: OrderWorld) -> None:
    order_id = await world.held()
    world.without_rates()
    await world.choose(order_id, "REFUND")
    assert await world.execute_choices() == 1
    order = await world.read(order_id)
    assert (order.state, order.refund_tx_id) == (State.REFUNDED, f"back-{order_id}")


async def test_an_exchange_below_the_network_fee_is_rejected_at_once(world: OrderWorld) -> None:
    order_id = await world.held(TOO_LITTLE)
    with pytest.raises(EmergencyInvalidChoice):
        await world.choose(order_id, "EXCHANGE")
    assert (await world.read(order_id)).choice is Choice.NONE


async def test_a_choice_that_the_market_has_made_impossible_is_reset(
    world: OrderWorld,
) -> None:
    order_id = await world.held(TOO_LITTLE)
    world.without_rates()
    await world.choose(order_id, "EXCHANGE")
    assert (await world.read(order_id)).choice is Choice.EXCHANGE
    world.rates()
    await world.execute_choices()
    order = await world.read(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.NONE)
    assert world.statuses() == ["PENDING", "EMERGENCY"]


async def test_the_operator_ends_an_order_whose_chosen_refund_cannot_be_sent(
    world: OrderWorld,
) -> None:
    order_id = await world.held(TOO_LITTLE)
    await world.choose(order_id, "REFUND")
    assert (await world.read(order_id)).refund_problem is not None
    await cancel_order(world.settlement_ports, order_id, overrule=True)
    assert (await world.read(order_id)).state is State.CANCELLED


async def test_a_choice_is_executed_only_after_all_deposits_are_confirmed(
    world: OrderWorld,
) -> None:
    order_id = await world.held()
    await world.observe(order_id, "more", 5_000)
    await world.choose(order_id, "EXCHANGE")
    assert await world.execute_choices() == 0
    order = await world.confirm(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.EXCHANGE)
    assert await world.execute_choices() == 1
    assert (await world.read(order_id)).source_amount == OUT_OF_BOUNDS + 5_000


async def test_a_deposit_observed_after_the_choice_counts_too(world: OrderWorld) -> None:
    order_id = await world.held()
    await world.choose(order_id, "REFUND")
    await world.observe(order_id, "more", 5_000)
    assert await world.execute_choices() == 0
    await world.confirm(order_id)
    assert await world.execute_choices() == 1
    order = await world.read(order_id)
    assert (order.state, order.deposits.total) == (State.REFUNDED, OUT_OF_BOUNDS + 5_000)
    assert not order.deposits.late


async def test_a_refund_that_cannot_be_sent_stays_pending_and_blocks_no_other_order(
    world: OrderWorld,
) -> None:
    refund, exchange = await world.held(), await world.held()
    await world.choose(refund, "REFUND")
    await world.choose(exchange, "EXCHANGE")
    assert await execute_choices(world.settlement_ports, None) == 1
    assert (await world.read(refund)).choice is Choice.REFUND
    assert (await world.read(exchange)).state is State.PAYING_OUT


async def test_refunds_are_available_only_while_they_are_enabled(world: OrderWorld) -> None:
    order_id = await world.held()
    await world.refunds(on=False)
    with pytest.raises(EmergencyInvalidChoice):
        await world.choose(order_id, "REFUND")
    await world.refunds(on=True)
    await world.choose(order_id, "REFUND")
    await world.refunds(on=False)
    await world.choose(order_id, "REFUND")
    assert await world.execute_choices() == 1


async def test_a_recorded_choice_cannot_be_changed(world: OrderWorld) -> None:
    order_id = await world.held()
    await world.choose(order_id, "REFUND")
    with pytest.raises(EmergencyInvalidChoice):
        await world.choose(order_id, "EXCHANGE")
    await world.execute_choices()
    with pytest.raises(NotFound):
        await world.choose(order_id, "EXCHANGE")


async def test_the_operator_can_overrule_a_partner_explicitly(world: OrderWorld) -> None:
    order_id = await world.held()
    world.without_rates()
    await world.choose(order_id, "EXCHANGE")
    with pytest.raises(EmergencyInvalidChoice):
        await refund_order(world.settlement_ports, order_id, "back")
    await refund_order(world.settlement_ports, order_id, "back", overrule=True)
    order = await world.read(order_id)
    assert (order.state, order.choice) == (State.REFUNDED, Choice.REFUND)
    world.rates()
    assert await world.execute_choices() == 0


async def test_a_choice_requires_the_callers_own_order_and_its_token(world: OrderWorld) -> None:
    order_id = await world.held()
    other = await world.held()
    world.sql(f"UPDATE orders SET deleted_at = now() WHERE id = '{other}'")
    for attempt in (
        world.choose(uuid4(), "EXCHANGE"),
        world.choose(order_id, "EXCHANGE", token="x" * 43),
        world.choose(order_id, "NONSENSE", token="x" * 43),
        world.choose(other, "EXCHANGE"),
    ):
        with pytest.raises(NotFound):
            await attempt
    world.partner = await stored_partner(world.admin)
    with pytest.raises(NotFound):
        await world.choose(order_id, "EXCHANGE")
    assert world.sql("SELECT FROM emergency_choices") == []
