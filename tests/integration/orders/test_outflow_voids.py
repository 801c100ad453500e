"""A signed outflow ends by a void: its history is kept, and its order may get another one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg
import pytest

from domain.actions.operator.orders import OperatorOrderPorts, Resolution, resolve_order
from domain.actions.operator.outflows import close_outflow, resend_outflow, void_outflow
from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import unconfirm_deposits
from domain.actions.orders.resolve_order import exchange_order, refund_order
from domain.chains.outflows import Outflow, OutflowKind
from domain.errors import InvalidTransition
from domain.orders.states import Choice, State
from feeds.settlement.payouts.drafts import draft_outflow
from feeds.settlement.payouts.records import record_transaction
from persistence.postgres.chains.held_outflows import PostgresHeldOutflowRepository
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from tests.support.builders.order_world import OrderWorld
from tests.support.chains.leases import leading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    assert await outflows.mark_voided(outflow, tx_id="void", usd=None)


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
    await outflows.mark_broadcast(outflow, at=AT)
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
    await outflows.mark_broadcast(outflow, at=AT)
    await outflows.mark_settled(outflow, tx_id="first", at=AT)
    with pytest.raises(InvalidTransition):
        await void_outflow(operator_of(world), outflow.order_id)
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator_of(world), outflow.order_id)
    assert not await outflows.mark_voided(outflow, tx_id="first", usd=None)


@pytest.mark.parametrize("table", ["outflows", "outflow_replacements"])
async def test_what_was_signed_is_not_deleted_without_being_kept(
    world: OrderWorld, table: str
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await void_outflow(operator_of(world), outflow.order_id)
    assert await outflows_of(world, outflow.kind).add_void(outflow, raw="01", tx_id="void")
    with pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"):
        world.sql(f"DELETE FROM {table}", world.urls.settlement)


async def test_of_a_voided_payout_only_its_fee_counts_towards_the_cap(world: OrderWorld) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    other = await signed(world, OutflowKind.REFUND)
    ((before,),) = world.sql("SELECT usd FROM daily_outflow")
    world.sql("UPDATE outflows SET usd = 0.000000000000000001")  # what `create` counted for each
    await void_outflow(operator_of(world), outflow.order_id)
    outflows = outflows_of(world, outflow.kind)
    assert await outflows.mark_voided(outflow, tx_id="first", usd=5)
    ((after,),) = world.sql("SELECT usd FROM daily_outflow")
    assert (before, after) == (Decimal(2).scaleb(-18), Decimal(6).scaleb(-18))
    assert not await outflows.mark_voided(other, tx_id="first", usd=5)


async def completed_and_voided(world: OrderWorld) -> Outflow:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await complete_payout(world.settlement_ports, outflow.order_id, "first")
    await voided(world, outflow)
    return outflow


def ports_of(world: OrderWorld) -> OperatorOrderPorts:
    unused = cast("Any", None)
    return OperatorOrderPorts(
        settlement=world.settlement_ports,
        recent=unused,
        partners=unused,
        outflows=PostgresOperatorOutflowRepository(world.settlement),
        held_outflows=PostgresHeldOutflowRepository(world.settlement),
        sandbox_tx_id=None,
    )


async def resolve(world: OrderWorld, order_id: UUID, resolution: Resolution) -> None:
    await resolve_order(ports_of(world), order_id, resolution, overrule=False, reason="ticket")


async def test_an_order_that_is_done_and_whose_payout_was_voided_is_refunded_on_request(
    world: OrderWorld,
) -> None:
    order_id = (await completed_and_voided(world)).order_id
    assert not await create(world, order_id, OutflowKind.REFUND)
    await resolve(world, order_id, Resolution.REFUND)
    assert await due(world, OutflowKind.PAYOUT) == []
    assert not await create(world, order_id, OutflowKind.PAYOUT)
    assert await due(world, OutflowKind.REFUND) == [order_id]
    assert await create(world, order_id, OutflowKind.REFUND)
    (refund,) = await outflows_of(world, OutflowKind.REFUND).unbroadcast("Bitcoin")
    assert await outflows_of(world, refund.kind).store_signed(refund, raw="02", tx_id="back")
    stored = await world.read(order_id)
    await record_transaction(world.settlement_ports, stored, refund.kind, "back")
    order = await world.read(order_id)
    assert (order.state, order.payout_tx_id, order.refund_tx_id) == (
        State.COMPLETED,
        "first",
        "back",
    )


async def test_a_voided_refund_of_an_order_that_is_done_is_sent_again(world: OrderWorld) -> None:
    order_id = (await completed_and_voided(world)).order_id
    await resolve(world, order_id, Resolution.REFUND)
    assert await create(world, order_id, OutflowKind.REFUND)
    outflows = outflows_of(world, OutflowKind.REFUND)
    (refund,) = await outflows.unbroadcast("Bitcoin")
    assert await outflows.store_signed(refund, raw="02", tx_id="back")
    (refund,) = await outflows.unbroadcast("Bitcoin")
    await voided_as(world, refund, "void of the refund")
    assert await due(world, OutflowKind.REFUND) == []
    await resend_outflow(operator_of(world), order_id)
    assert await due(world, OutflowKind.REFUND) == [order_id]
    assert await due(world, OutflowKind.PAYOUT) == []
    assert await create(world, order_id, OutflowKind.REFUND)


async def voided_as(world: OrderWorld, outflow: Outflow, tx_id: str) -> None:
    await void_outflow(operator_of(world), outflow.order_id)
    outflows = outflows_of(world, outflow.kind)
    assert await outflows.add_void(outflow, raw="03", tx_id=tx_id)
    assert await outflows.mark_voided(outflow, tx_id=tx_id, usd=None)


@pytest.mark.parametrize("decision", ["resend", "refund", "close"])
async def test_what_follows_a_voided_payout_is_decided_once(
    world: OrderWorld, decision: str
) -> None:
    order_id = (await completed_and_voided(world)).order_id
    decisions: dict[str, Callable[[], Awaitable[None]]] = {
        "resend": lambda: resend_outflow(operator_of(world), order_id),
        "refund": lambda: resolve(world, order_id, Resolution.REFUND),
        "close": lambda: close_outflow(operator_of(world), order_id),
    }
    await decisions[decision]()
    for decide in decisions.values():
        with pytest.raises(InvalidTransition):
            await decide()
    with pytest.raises(psycopg.errors.RaiseException, match="decided once"):
        world.sql("UPDATE voided_outflows SET resend_requested_at = NULL, closed_at = now()")
    sent = {"resend": [OutflowKind.PAYOUT], "refund": [OutflowKind.REFUND], "close": []}
    found = [kind for kind in (OutflowKind.PAYOUT, OutflowKind.REFUND) if await due(world, kind)]
    assert found == sent[decision]


async def test_a_voided_payout_without_a_decision_is_named_until_it_is_settled_or_closed(
    world: OrderWorld,
) -> None:
    order_id = (await completed_and_voided(world)).order_id
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [one.order_id for one in await operator_of(world).overdue(later)] == [str(order_id)]
    await close_outflow(operator_of(world), order_id)
    assert await operator_of(world).overdue(later) == []


@pytest.mark.parametrize("resolution", [Resolution.REFUND, Resolution.CANCEL])
async def test_an_order_to_be_paid_out_whose_payout_was_voided_is_refunded_or_cancelled(
    world: OrderWorld, resolution: Resolution
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await voided(world, outflow)
    with pytest.raises(InvalidTransition):
        await close_outflow(operator_of(world), outflow.order_id)
    await resolve(world, outflow.order_id, resolution)
    is_refund = resolution is Resolution.REFUND
    assert await due(world, OutflowKind.REFUND) == [outflow.order_id] * is_refund
    assert (await world.read(outflow.order_id)).state is (
        State.HELD if is_refund else State.CANCELLED
    )


async def test_an_order_that_is_done_without_a_voided_payout_is_not_refunded(
    world: OrderWorld,
) -> None:
    outflow = await signed(world, OutflowKind.PAYOUT)
    await complete_payout(world.settlement_ports, outflow.order_id, "first")
    with pytest.raises(InvalidTransition):
        await resolve(world, outflow.order_id, Resolution.REFUND)
    assert not await create(world, outflow.order_id, OutflowKind.REFUND)
