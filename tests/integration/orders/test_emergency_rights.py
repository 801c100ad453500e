"""Rights on deposits and choices, enforced by the database."""

import psycopg
import pytest

from domain.errors import (
    EmergencyInvalidChoice,
    NotFound,
)
from domain.orders.states import STATUS_OF, State, Status
from tests.conftest import DatabaseUrls
from tests.support.builders.order_world import OrderWorld

DENIED = {
    "gateway": [
        "INSERT INTO deposits (order_id) SELECT id FROM orders",
        "UPDATE deposits SET amount = 1",
        "UPDATE deposits SET confirmed_at = now()",
        "UPDATE deposits SET late = false",
        "DELETE FROM deposits",
        "TRUNCATE deposits",
        "UPDATE emergency_choices SET choice = 'REFUND'",
        "DELETE FROM emergency_choices",
        "INSERT INTO emergency_choices (chosen_at) VALUES (now())",
        "UPDATE orders SET choice = 'REFUND'",
        "UPDATE orders SET version = version + 1",
        "UPDATE orders SET state = 'refunded'",
        "UPDATE orders SET emergency = '{}'",
        "UPDATE orders SET refund_address = 'mine'",
        "SELECT FROM orders FOR UPDATE",
        "SELECT FROM orders FOR SHARE",
    ],
    "settlement": [
        "INSERT INTO emergency_choices (order_id, choice) SELECT id, 'REFUND' FROM orders",
        "UPDATE emergency_choices SET choice = 'REFUND'",
        "UPDATE deposits SET tx_id = 'other'",
        "UPDATE deposits SET position = 7",
        "DELETE FROM deposits",
        "UPDATE orders SET refund_address = 'mine'",
    ],
    "admin": [
        "INSERT INTO emergency_choices (order_id, choice) SELECT id, 'REFUND' FROM orders",
        "DELETE FROM emergency_choices",
        "UPDATE deposits SET amount = 1",
        "DELETE FROM deposits",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"),
    [(role, statement) for role, statements in DENIED.items() for statement in statements],
)
def test_the_role_is_denied_the_statement(
    database_urls: DatabaseUrls, role: str, statement: str
) -> None:
    with (
        psycopg.connect(getattr(database_urls, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("state", [one for one in State if one is not State.HELD])
async def test_the_database_ignores_a_choice_for_an_order_that_is_not_held(
    world: OrderWorld, state: State
) -> None:
    """Even with the gateway's database role."""
    order_id = await world.opened()
    emergency = "{LIMIT}" if STATUS_OF[state] is Status.EMERGENCY else "{}"
    world.sql(f"UPDATE orders SET state = '{state}', emergency = '{emergency}'")
    insert = f"INSERT INTO emergency_choices (order_id, choice) VALUES ('{order_id}', 'REFUND')"
    world.sql(insert, world.urls.gateway)
    assert world.sql("SELECT FROM emergency_choices") == []
    rejected = EmergencyInvalidChoice if STATUS_OF[state] is Status.EMERGENCY else NotFound
    with pytest.raises(rejected):
        await world.choose(order_id, "REFUND")


async def test_the_database_rejects_an_unknown_choice(world: OrderWorld) -> None:
    order_id = await world.held()
    insert = f"INSERT INTO emergency_choices (order_id, choice) VALUES ('{order_id}', 'KEEP')"
    with pytest.raises(psycopg.errors.CheckViolation):
        world.sql(insert, world.urls.gateway)
