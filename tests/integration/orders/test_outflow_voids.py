"""A signed outflow ends by a void: its history is kept, and its order may get another one."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from domain.actions.operator.outflows import resend_outflow, void_outflow
from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import unconfirm_deposits
from domain.actions.orders.resolve_order import exchange_order, refund_order
from domain.chains.outflows import Outflow, OutflowKind
from domain.errors import InvalidTransition
from domain.orders.states import Choice, State
from feeds.settlement.payouts.drafts import draft_outflow
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from tests.support.builders.order_world import OrderWorld
from tests.support.chains.leases import leading

NETWORK = {OutflowKind.REFUND: "Bitcoin", OutflowKind.PAYOUT: "Tron"}
AT = datetime(2026, 1, 1, tzinfo=UTC)


def outflows_of(world: OrderWorld, kind: OutflowKind) -> PostgresOutflowRepository:
    lease = leading(world.urls.settlement, NETWORK[kind])
    return PostgresOutflowRepository(world.settlement, lambda: world.market.catalogue, lease=lease)


def operator_of(world: OrderWorld) -> PostgresOperatorOutflowRepository:
    return PostgresOperatorOutflowRepository(world.admin)


async def create(world: OrderWorld, order_id: UUID, kind: OutflowKind) -> bool:
    stored = await world.settlement_ports.orders.read(order_id)
    assert stored is not None
    draft = draft_outflow(stored.order, kind)
    return await outflows_of(world, kind).create(
        draft, usd=1, fee="0", expected_version=stored.version
    )


async def intended(world: OrderWorld, kind: OutflowKind) -> Outflow:
    order_id = await world.held()
    if kind is OutflowKind.PAYOUT:
        await exchange_order(world.settlement_ports, order_id)
    else:
        await world.choose(order_id, "REFUND")
    assert await create(world, order_id, kind)
    (outflow,) = await outflows_of(world, kind).unbroadcast(NETWORK[kind])
    return outflow


async def signed(world: OrderWorld, kind: OutflowKind) -> Outflow:
    outflow, outflows = await intended(world, kind), outflows_of(world, kind)
    assert await outflows.store_signed(outflow, raw="00", tx_id="first")
    (found,) = await outflows.unbroadcast(NETWORK[kind])
    return found


async def voided(world: OrderWorld, outflow: Outflow) -> None:
    await void_outflow(operator_of(world), outflow.order_id)
    outflows = outflows_of(world, outflow.kind)
    assert await outflows.add_void(outflow, raw="01", tx_id="void")
    assert await outflows.mark_voided(outflow, tx_id="void")


async def due(world: OrderWorld, kind: OutflowKind) -> list[UUID]:
    found = await outflows_of(world, kind).due(NETWORK[kind], at=datetime.now(UTC), limit=10)
    return [order_id for order_id, _ in found]


async def test_an_outflow_that_is_not_signed_is_not_voided(world: OrderWorld) -> None:
    outflow = await intended(world, OutflowKind.PAYOUT)
    with pytest.raises(InvalidTransition):
        await void_outflow(operator_of(world), outflow.order_id)


async def test_a_void_is_stored_only_after_its_request_and_then_nothing_else_is(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    outflows = outflows_of(world, outflow.kind)
    assert not await outflows.add_void(outflow, raw="01", tx_id="void")
    await outflows.mark_broadcast(outflow.order_id, at=AT)
    await void_outflow(operator_of(world), outflow.order_id)
    await void_outflow(operator_of(world), outflow.order_id)
    assert not await outflows.add_replacement(outflow, raw="02", tx_id="second")
    await operator_of(world).set_enabled(enabled=False)
    assert await outflows.add_void(outflow, raw="01", tx_id="void")
    assert not await outflows.add_void(outflow, raw="03", tx_id="another")
    (found,) = await outflows.unsettled("Tron")
    assert [(one.tx_id, one.voids) for one in found.candidates] == [
        ("first", False),
        ("void", True),
    ]
    assert found.is_void_requested


async def test_a_voided_payout_is_sent_again_only_on_request(world: OrderWorld) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await voided(world, outflow)
    order = await world.read(outflow.order_id)
    assert (order.state, order.has_outflow) == (State.PAYING_OUT, False)
    assert await due(world, outflow.kind) == []
    assert not await create(world, order.id, outflow.kind)
    await resend_outflow(operator_of(world), order.id)
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator_of(world), order.id)
    assert await due(world, outflow.kind) == [order.id]
    assert await create(world, order.id, outflow.kind)
    assert await due(world, outflow.kind) == []


async def test_a_payout_that_was_recorded_is_sent_again_and_its_order_stays_completed(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await complete_payout(world.settlement_ports, outflow.order_id, "first")
    assert not await create(world, outflow.order_id, outflow.kind)
    await voided(world, outflow)
    assert not await create(world, outflow.order_id, outflow.kind)
    await resend_outflow(operator_of(world), outflow.order_id)
    assert await due(world, outflow.kind) == [outflow.order_id]
    assert await create(world, outflow.order_id, outflow.kind)
    assert (await world.read(outflow.order_id)).state is State.COMPLETED


async def test_a_refund_that_was_recorded_is_sent_again_and_its_order_stays_refunded(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.REFUND)
    await refund_order(world.settlement_ports, outflow.order_id, "first")
    await voided(world, outflow)
    await resend_outflow(operator_of(world), outflow.order_id)
    assert await due(world, outflow.kind) == [outflow.order_id]
    assert await create(world, outflow.order_id, outflow.kind)
    assert (await world.read(outflow.order_id)).state is State.REFUNDED


async def test_a_voided_refund_that_was_not_recorded_puts_its_order_on_hold(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.REFUND)
    await voided(world, outflow)
    order = await world.read(outflow.order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.NONE)
    assert await due(world, outflow.kind) == []
    await exchange_order(world.settlement_ports, order.id)
    assert await due(world, OutflowKind.PAYOUT) == [order.id]
    assert await create(world, order.id, OutflowKind.PAYOUT)


async def test_a_voided_refund_may_be_chosen_again(world: OrderWorld) -> None:
    outflow = await signed(world, OutflowKind.REFUND)
    await voided(world, outflow)
    await world.choose(outflow.order_id, "REFUND")
    assert await due(world, outflow.kind) == [outflow.order_id]
    assert await create(world, outflow.order_id, outflow.kind)


async def test_an_order_without_an_outflow_is_unlocked_by_its_void(world: OrderWorld) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    with pytest.raises(InvalidTransition):
        await unconfirm_deposits(world.settlement_ports, outflow.order_id, {"tx"})
    await voided(world, outflow)
    back = await unconfirm_deposits(world.settlement_ports, outflow.order_id, {"tx"})
    assert back.state is State.CONFIRMING


async def test_a_void_keeps_every_transaction_and_still_counts_towards_the_cap(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await voided(world, outflow)
    (kept,) = await operator_of(world).voided(limit=10)
    assert (kept.order_id, kept.tx_ids, kept.mined_tx_id) == (
        str(outflow.order_id),
        ["first", "void"],
        "void",
    )
    assert world.sql("SELECT usd > 0 FROM daily_outflow") == [(True,)]
    assert world.sql("SELECT count(*) FROM cancelled_outflows") == [(0,)]


async def test_a_settled_outflow_is_neither_voided_nor_sent_again(world: OrderWorld) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    outflows = outflows_of(world, outflow.kind)
    await complete_payout(world.settlement_ports, outflow.order_id, "first")
    await outflows.mark_broadcast(outflow.order_id, at=AT)
    await outflows.mark_settled(outflow.order_id, tx_id="first", at=AT)
    with pytest.raises(InvalidTransition):
        await void_outflow(operator_of(world), outflow.order_id)
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator_of(world), outflow.order_id)
    assert not await outflows.mark_voided(outflow, tx_id="first")


@pytest.mark.parametrize("table", ["outflows", "outflow_replacements"])
async def test_what_was_signed_is_not_deleted_without_being_kept(
    world: OrderWorld, table: str
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await void_outflow(operator_of(world), outflow.order_id)
    assert await outflows_of(world, outflow.kind).add_void(outflow, raw="01", tx_id="void")
    with pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"):
        world.sql(f"DELETE FROM {table}", world.urls.settlement)
