"""Nobody can give the address of a watched order to another one, whatever credentials they have."""

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.reuse_world import AMOUNT, NETWORK, ReuseWorld
from tests.support.clients.operator_command import new_operator

TAKE = (
    "UPDATE pay_in_addresses SET order_id = NULL WHERE order_id = %(watched)s",
    "UPDATE pay_in_addresses SET order_id = %(other)s WHERE order_id = %(watched)s",
    "DELETE FROM pay_in_addresses WHERE order_id = %(watched)s",
    """
    INSERT INTO pay_in_releases (order_id, address_id)
    SELECT order_id, id FROM pay_in_addresses WHERE order_id = %(watched)s
    """,
    """
    INSERT INTO pay_in_releases (order_id, address_id)
    SELECT %(unpaid)s, id FROM pay_in_addresses WHERE order_id = %(watched)s
    """,
    """
    INSERT INTO pay_in_addresses (network, address, derivation_index, order_id)
    SELECT network, address, derivation_index, %(other)s FROM pay_in_addresses
    WHERE order_id = %(watched)s
    """,
    """
    INSERT INTO pay_in_addresses (network, address, derivation_index)
    SELECT network, address, derivation_index FROM pay_in_addresses WHERE order_id = %(watched)s
    """,
)
"""Each gives the address of the watched order away; `unpaid` is one whose address is reusable."""


@pytest.fixture
def world(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> ReuseWorld:
    return ReuseWorld(new_operator(database_urls, servers, tmp_path, sandbox=False))


def test_no_role_takes_the_address_of_an_order_that_is_watched(world: ReuseWorld) -> None:
    world.add_address()
    world.add_address()
    watched, unpaid = world.unpaid_order(days=89), world.unpaid_order()
    orders = {"watched": watched, "unpaid": unpaid, "other": uuid4()}
    world.allow()
    urls = world.operator.urls
    for url in (urls.gateway, urls.settlement, urls.admin, urls.owner):
        for statement in TAKE:
            with psycopg.connect(url) as connection, pytest.raises(psycopg.Error) as rejected:
                connection.execute(statement.encode(), orders)
            assert isinstance(
                rejected.value,
                psycopg.errors.InsufficientPrivilege
                | psycopg.errors.RaiseException
                | psycopg.errors.UniqueViolation,
            )
    assert world.holder(world.address(watched)) == watched
    assert world.reuse() == 1
    assert world.holder(world.address(unpaid)) is None


def test_settlement_cannot_end_the_watch_period_by_stating_an_earlier_end(
    world: ReuseWorld,
) -> None:
    order = world.order()
    world.allow()
    with psycopg.connect(world.operator.urls.settlement, autocommit=True) as stolen:
        stolen.execute(
            "UPDATE orders SET state = 'expired', finished_at = now() - interval '1 year'"
        )
        for column in ("expires_at", "created_at"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stolen.execute(f"UPDATE orders SET {column} = now() - interval '1 year'".encode())
        with pytest.raises(psycopg.errors.RaiseException, match="still watched"):
            stolen.execute(
                "INSERT INTO pay_in_releases (order_id, address_id)"
                " SELECT order_id, id FROM pay_in_addresses WHERE order_id IS NOT NULL"
            )
    assert world.holder(world.address(order)) == order


def test_whoever_opens_orders_on_reused_addresses_gets_no_late_payment(world: ReuseWorld) -> None:
    """An attacker takes the addresses of others' unpaid orders, and waits for their customers."""
    first, second = world.reused(amount=AMOUNT)
    for amount in (AMOUNT, AMOUNT - 1, AMOUNT + 1, 10 * AMOUNT):
        world.pay(world.address(first), amount)
    assert (world.state(second), world.deposits(second)) == ("awaiting_deposit", [])
    listed = world.operator.json("deposit", "list")
    assert [(one["network"], one["earlierOrders"]) for one in listed] == [(NETWORK, [first])] * 4


def test_a_payment_and_the_reuse_of_its_address_exclude_each_other(world: ReuseWorld) -> None:
    """Settlement records a deposit in the same moment as another process sets its address free."""
    order = world.unpaid_order()
    world.allow()
    deposit = (
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, late)"
        " VALUES (%s, 'tx', 0, 1, now(), false)"
    )
    release = (
        "INSERT INTO pay_in_releases (order_id, address_id)"
        " SELECT order_id, id FROM pay_in_addresses WHERE order_id = %s"
    )
    for first, second in ((deposit, release), (release, deposit)):
        with (
            psycopg.connect(world.operator.urls.owner) as one,
            psycopg.connect(world.operator.urls.owner, autocommit=True) as other,
        ):
            one.execute(first.encode(), (order,))
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(second.encode(), (order,))
            one.rollback()
