"""An order with an intention to pay or to refund changes in no other way until that has an end."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import unconfirm_deposits
from domain.actions.orders.resolve_order import cancel_order, exchange_order, refund_order
from domain.chains.outflows import Outflow, OutflowKind
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.orders.order import Order
from domain.orders.states import Choice, State, Status
from feeds.settlement.payouts.drafts import draft_outflow
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from tests.support.builders.order_world import OUT_OF_BOUNDS, OrderWorld
from tests.support.chains.leases import leading

NETWORK = {OutflowKind.REFUND: "Bitcoin", OutflowKind.PAYOUT: "Tron"}
RESOLUTIONS: dict[str, Callable[[OrderWorld, UUID], Awaitable[object]]] = {
    "exchange": lambda world, order_id: exchange_order(
        world.settlement_ports, order_id, overrule=True
    ),
    "cancel": lambda world, order_id: cancel_order(world.settlement_ports, order_id, overrule=True),
    "unconfirm": lambda world, order_id: unconfirm_deposits(
        world.settlement_ports, order_id, {"tx"}
    ),
}
RESOLUTION = pytest.mark.parametrize("resolution", list(RESOLUTIONS))


def outflows_of(world: OrderWorld, kind: OutflowKind) -> PostgresOutflowRepository:
    lease = leading(world.urls.settlement, NETWORK[kind])
    return PostgresOutflowRepository(world.settlement, lambda: world.market.catalogue, lease=lease)


async def intended(world: OrderWorld, order_id: UUID, kind: OutflowKind) -> Outflow:
    """Write the intention to pay an order out or to refund it; return it."""
    stored = await world.settlement_ports.orders.read(order_id)
    assert stored is not None
    draft, outflows = draft_outflow(stored.order, kind), outflows_of(world, kind)
    assert await outflows.create(draft, usd=1, fee="0.01", expected_version=stored.version)
    (outflow,) = await outflows.unbroadcast(NETWORK[kind])
    return outflow


async def signed(world: OrderWorld, outflow: Outflow, tx_id: str) -> None:
    assert await outflows_of(world, outflow.kind).store_signed(outflow, raw="00", tx_id=tx_id)


async def refund_intended(world: OrderWorld) -> tuple[Order, Outflow]:
    order_id = await world.held()
    await world.choose(order_id, "REFUND")
    outflow = await intended(world, order_id, OutflowKind.REFUND)
    return await world.read(order_id), outflow


async def payout_intended(world: OrderWorld) -> tuple[Order, Outflow]:
    order_id = await world.held()
    await exchange_order(world.settlement_ports, order_id)
    outflow = await intended(world, order_id, OutflowKind.PAYOUT)
    return await world.read(order_id), outflow


async def test_the_intention_of_a_refund_locks_its_order(world: OrderWorld) -> None:
    order, outflow = await refund_intended(world)
    assert (order.state, order.status, order.choice) == (
        State.REFUNDING,
        Status.EMERGENCY,
        Choice.REFUND,
    )
    assert order.emergency
    assert outflow.amount == OUT_OF_BOUNDS - order.source.network_fee


@RESOLUTION
async def test_a_resolution_between_check_and_record_of_a_refund_is_rejected(
    world: OrderWorld, resolution: str
) -> None:
    order, outflow = await refund_intended(world)
    await signed(world, outflow, "back")
    with pytest.raises(InvalidTransition):
        await RESOLUTIONS[resolution](world, order.id)
    done = await refund_order(world.settlement_ports, order.id, "back", overrule=True)
    assert (done.state, done.refund_tx_id) == (State.REFUNDED, "back")


async def test_a_second_deposit_between_check_and_record_of_a_refund_is_late(
    world: OrderWorld,
) -> None:
    order, outflow = await refund_intended(world)
    await signed(world, outflow, "back")
    seen = await world.observe(order.id, "second", 7_000)
    assert [one.tx_id for one in seen.deposits.late] == ["second"]
    done = await refund_order(world.settlement_ports, order.id, "back", overrule=True)
    assert done.state is State.REFUNDED
    assert done.deposits.total == OUT_OF_BOUNDS
    confirmed = await world.confirm(order.id)
    assert (confirmed.state, len(confirmed.deposits.late)) == (State.REFUNDED, 1)


async def test_a_second_deposit_while_a_payout_is_intended_is_late(world: OrderWorld) -> None:
    order, outflow = await payout_intended(world)
    await signed(world, outflow, "out")
    seen = await world.observe(order.id, "second", 7_000)
    assert [one.tx_id for one in seen.deposits.late] == ["second"]
    assert (await complete_payout(world.settlement_ports, order.id, "out")).state is State.COMPLETED


@RESOLUTION
async def test_an_order_with_an_intended_payout_is_not_resolved_otherwise(
    world: OrderWorld, resolution: str
) -> None:
    order, outflow = await payout_intended(world)
    with pytest.raises(InvalidTransition):
        await RESOLUTIONS[resolution](world, order.id)
    assert await outflows_of(world, outflow.kind).cancel(outflow)
    unconfirmed = await unconfirm_deposits(world.settlement_ports, order.id, {"tx"})
    assert unconfirmed.state is State.CONFIRMING


async def test_a_partner_cannot_choose_otherwise_during_a_refund(world: OrderWorld) -> None:
    order, _ = await refund_intended(world)
    await world.choose(order.id, "REFUND")
    with pytest.raises(EmergencyInvalidChoice):
        await world.choose(order.id, "EXCHANGE")


async def test_an_operator_cannot_request_a_second_refund_during_a_refund(
    world: OrderWorld,
) -> None:
    order, _ = await refund_intended(world)
    operator = PostgresOperatorOutflowRepository(world.settlement)
    assert not await operator.request_refund(order.id, overrule=True)


@RESOLUTION
async def test_a_cancelled_intention_of_a_refund_puts_its_order_back_on_hold(
    world: OrderWorld, resolution: str
) -> None:
    order, outflow = await refund_intended(world)
    assert await outflows_of(world, outflow.kind).cancel(outflow)
    back = await world.read(order.id)
    assert (back.state, back.emergency) == (State.HELD, order.emergency)
    await RESOLUTIONS[resolution](world, order.id)


async def test_a_transition_read_before_the_intention_was_cancelled_is_not_stored(
    world: OrderWorld,
) -> None:
    order, outflow = await payout_intended(world)
    orders = world.settlement_ports.orders
    stored = await orders.read(order.id)
    assert stored is not None
    assert await outflows_of(world, outflow.kind).cancel(outflow)
    stale = stored.order.payout_broadcast("out", at=order.updated_at)
    assert not await orders.save(stale, expected_version=stored.version, event=None)


STATES = [state for state in State if state not in (State.PAYING_OUT, State.REFUNDING)]


@pytest.mark.parametrize("role", ["settlement", "owner"])
@pytest.mark.parametrize("state", STATES)
async def test_no_role_moves_an_order_whose_intention_is_not_signed(
    world: OrderWorld, role: str, state: State
) -> None:
    order, _ = await payout_intended(world)
    emergency = "'{LIMIT}'" if state is State.HELD else "'{}'"
    with pytest.raises(psycopg.errors.RaiseException, match="has an outflow"):
        world.sql(
            f"UPDATE orders SET state = '{state}', emergency = {emergency} WHERE id = '{order.id}'",
            getattr(world.urls, role),
        )


async def test_no_role_changes_the_amount_of_an_intended_payout(world: OrderWorld) -> None:
    await payout_intended(world)
    with pytest.raises(psycopg.errors.RaiseException, match="has an outflow"):
        world.sql("UPDATE orders SET destination_amount = 1", world.urls.settlement)


async def test_no_role_intends_a_refund_of_an_order_that_is_not_locked(world: OrderWorld) -> None:
    order_id = await world.held()
    with pytest.raises(psycopg.errors.RaiseException, match="cannot be refunded"):
        world.sql(
            "INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd) "
            f"VALUES ('{order_id}', 'refund', 'Bitcoin', 'btc', 'a', 1, 1)",
            world.urls.settlement,
        )
