"""The gateway's database role can advance orders of a sandbox only, and through settlement only."""

from uuid import UUID, uuid4

import psycopg
import pytest

from domain.actions.sandbox.ports import RequestedStep
from domain.actions.sandbox.steps import AdvanceStep, ConfirmStep
from gateway.runtime.clock import SystemClock
from persistence.postgres.orders.sandbox_steps import (
    PostgresStepQueue,
    PostgresStepRequests,
    advance_order,
)
from tests.support.builders.order_world import OrderWorld
from tests.support.builders.records import become_sandbox

STEPS = "SELECT count(*) FROM sandbox_steps"
REQUEST = f"SELECT request_sandbox_step('{uuid4()}', '{uuid4()}', '{uuid4()}', '', now())"
DENIED = {
    "gateway": [
        "INSERT INTO sandbox_steps (id, order_id, step) SELECT id, id, '' FROM orders",
        "UPDATE sandbox_steps SET step = ''",
        "UPDATE sandbox_steps SET done_at = NULL",
        "DELETE FROM sandbox_steps",
        "UPDATE orders SET expires_at = now()",
        "SELECT advance_sandbox_order(gen_random_uuid(), 60, now())",
        "UPDATE operator_settings SET sandbox = true",
    ],
    "settlement": [
        REQUEST,
        "UPDATE orders SET expires_at = now()",
        "UPDATE sandbox_steps SET order_id = gen_random_uuid()",
        "UPDATE operator_settings SET sandbox = true",
    ],
    "admin": [
        REQUEST,
        "SELECT advance_sandbox_order(gen_random_uuid(), 60, now())",
    ],
}


async def request(world: OrderWorld, order_id: UUID, *, partner_id: UUID | None = None) -> bool:
    return await PostgresStepRequests(world.gateway).add(
        uuid4(),
        partner_id or world.partner.id,
        order_id,
        ConfirmStep(),
        at=SystemClock().now(),
    )


async def taken(world: OrderWorld) -> RequestedStep | None:
    return await PostgresStepQueue(world.settlement).take(at=SystemClock().now())


@pytest.mark.parametrize(
    ("role", "statement"),
    [(role, statement) for role, statements in DENIED.items() for statement in statements],
)
def test_the_role_is_denied_the_statement(world: OrderWorld, role: str, statement: str) -> None:
    become_sandbox(world.urls.superuser)
    with (
        psycopg.connect(getattr(world.urls, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


async def test_a_step_of_an_own_order_waits_for_settlement_in_a_sandbox(world: OrderWorld) -> None:
    become_sandbox(world.urls.superuser)
    order_id = await world.opened()
    assert await request(world, order_id)
    step = await taken(world)
    assert step is not None
    assert (step.order_id, step.step) == (order_id, ConfirmStep())
    assert await taken(world) is None


async def test_outside_a_sandbox_no_step_is_stored_or_performed(world: OrderWorld) -> None:
    order_id = await world.opened()
    assert not await request(world, order_id)
    assert world.sql(STEPS) == [(0,)]
    world.sql(
        "INSERT INTO sandbox_steps (id, order_id, step, requested_at)"
        f" VALUES ('{uuid4()}', '{order_id}', '{{\"step\":\"payout\"}}', now())"
    )
    assert await taken(world) is None


async def test_steps_of_orders_that_are_foreign_unknown_or_deleted_are_not_stored(
    world: OrderWorld,
) -> None:
    become_sandbox(world.urls.superuser)
    order_id = await world.opened()
    assert not await request(world, order_id, partner_id=uuid4())
    assert not await request(world, uuid4())
    world.sql(f"UPDATE orders SET deleted_at = now() WHERE id = '{order_id}'")
    assert not await request(world, order_id)
    assert world.sql(STEPS) == [(0,)]


@pytest.mark.parametrize("seconds", [0, -60, 604_801])
async def test_the_database_bounds_how_far_a_clock_is_advanced(
    world: OrderWorld, seconds: int
) -> None:
    become_sandbox(world.urls.superuser)
    order_id = await world.opened()
    with pytest.raises(Exception, match="a clock is advanced by at most a week"):
        await advance_order(world.settlement, order_id, seconds, at=SystemClock().now())


async def test_settlement_advances_no_clock_outside_a_sandbox(world: OrderWorld) -> None:
    order_id = await world.opened()
    before = await world.read(order_id)
    with pytest.raises(Exception, match="not a sandbox"):
        await advance_order(world.settlement, order_id, 60, at=SystemClock().now())
    assert (await world.read(order_id)).expires_at == before.expires_at


async def test_in_a_sandbox_the_expiry_is_sooner_by_the_seconds(world: OrderWorld) -> None:
    become_sandbox(world.urls.superuser)
    order_id = await world.opened()
    before = await world.read(order_id)
    await advance_order(world.settlement, order_id, 60, at=SystemClock().now())
    after = await world.read(order_id)
    assert (before.expires_at - after.expires_at).total_seconds() == AdvanceStep(60).seconds
