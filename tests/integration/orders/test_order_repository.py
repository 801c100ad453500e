"""Orders on a real PostgreSQL: opened once, with an address of their own, moved one at a time."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from domain.actions.orders.ports import IdempotencyKey, OpenedOrder
from domain.assets import Catalogue
from domain.errors import IdempotencyConflict, Unavailable
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import Choice, State
from domain.partners.partner import Partner
from domain.webhooks.events import order_status_changed
from gateway.runtime.clock import new_id
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders import lists, orders, partner_orders
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import START, add_addresses, new_order, stored_partner

HASH = b"t" * 32


class StoredOrders:
    """The repositories of the gateway and of settlement, each under its own role."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue) -> None:
        self.urls = urls
        self.catalogue = catalogue
        self.gateway = Database(urls.gateway, size=8)
        self.settlement = Database(urls.settlement)
        self.admin = Database(urls.admin)
        self.gateway_orders = PostgresOrderRepository(self.gateway, lambda: self.catalogue)
        self.settlement_orders = PostgresSettlementOrderRepository(
            self.settlement, lambda: catalogue
        )

    async def open(
        self, partner: Partner, key: IdempotencyKey | None = None, **changes: object
    ) -> OpenedOrder:
        order = new_order(partner, self.catalogue, **changes)
        return await self.gateway_orders.open(order, token_hash=HASH, idempotency=key)

    def count(self, table: str, condition: str = "true") -> int:
        with psycopg.connect(self.urls.owner) as connection:
            row = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {condition}".encode()
            ).fetchone()
            assert row is not None
            return int(row[0])


@pytest.fixture
async def stored(database_urls: DatabaseUrls) -> AsyncIterator[StoredOrders]:
    reading = Database(database_urls.gateway)
    catalogue = await read_catalogue(reading)
    reading.close()
    stored = StoredOrders(database_urls, catalogue)
    yield stored
    for database in (stored.gateway, stored.settlement, stored.admin):
        database.close()


def key(name: str = "key-0001", body: bytes = b"b") -> IdempotencyKey:
    return IdempotencyKey(key=name, body_hash=body * 32)


async def test_an_order_is_read_as_it_was_created(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    opened = await stored.open(partner, destination_tag="tag")
    assert not opened.repeated
    assert opened.order.pay_in_address.startswith("address ")
    assert await stored.gateway_orders.find(opened.order.id, partner.id) == (opened.order, HASH)


async def test_the_largest_and_smallest_amounts_are_stored_exactly(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 2)
    largest = await stored.open(partner, source_amount=10**20 * 10**8 - 1)
    smallest = await stored.open(partner, source_amount=1, destination_amount=0)
    for opened in (largest, smallest):
        assert await stored.gateway_orders.find(opened.order.id, partner.id) == (opened.order, HASH)


async def test_an_order_is_not_found_by_another_partner(stored: StoredOrders) -> None:
    partner, other = await stored_partner(stored.admin), await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    opened = await stored.open(partner)
    assert await stored.gateway_orders.find(opened.order.id, other.id) is None
    assert await stored.gateway_orders.find(uuid4(), partner.id) is None


async def test_a_deleted_order_is_not_found(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    opened = await stored.open(partner)
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET deleted_at = now()")
    assert await stored.gateway_orders.find(opened.order.id, partner.id) is None


async def test_a_cached_order_is_read_again_only_after_its_row_was_written(
    stored: StoredOrders,
) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    opened = (await stored.open(partner)).order

    async def found() -> Order:
        found_order = await stored.gateway_orders.find(opened.id, partner.id)
        assert found_order is not None
        return found_order[0]

    first = await found()
    assert await found() is first
    assert await observe(stored, opened)
    second = await found()
    assert (second.state, second.received is None) == (State.CONFIRMING, False)
    assert await found() is second
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET payout_tx_id = 'by hand'")  # its version stays
    assert (await found()).payout_tx_id == "by hand"
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET state = 'held', emergency = '{LIMIT}'")
    assert await stored.gateway_orders.record_choice(opened.id, partner.id, Choice.REFUND)
    assert (await found()).choice is Choice.REFUND
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET deleted_at = now()")
    assert await stored.gateway_orders.find(opened.id, partner.id) is None


async def test_an_order_has_the_assets_of_the_current_catalogue(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    opened = (await stored.open(partner)).order
    assert await stored.gateway_orders.find(opened.id, partner.id) == (opened, HASH)
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE networks SET fee_bps = 77")
    stored.catalogue = await read_catalogue(stored.gateway)
    found = await stored.gateway_orders.find(opened.id, partner.id)
    assert found is not None
    assert found[0].source.fee_bps >= 77


async def test_an_unreadable_order_does_not_affect_others(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 2)
    good, bad = (await stored.open(partner)).order, (await stored.open(partner)).order
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET rate = 'none' WHERE id = %s", (bad.id,))
    found, error = await asyncio.gather(
        stored.gateway_orders.find(good.id, partner.id),
        stored.gateway_orders.find(bad.id, partner.id),
        return_exceptions=True,
    )
    assert found == (good, HASH)
    assert isinstance(error, ValueError)


async def test_the_number_of_cached_orders_is_bounded(
    stored: StoredOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MAX_CACHED_ORDERS", 2)
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 4)
    opened = [(await stored.open(partner)).order for _ in range(4)]
    for _ in range(2):
        for order in opened:
            assert await stored.gateway_orders.find(order.id, partner.id) == (order, HASH)


async def test_without_a_free_address_no_order_is_created(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    with pytest.raises(Unavailable, match="no free pay-in address on Bitcoin"):
        await stored.open(partner, key())
    assert stored.count("orders") == stored.count("idempotency_keys") == 0


async def test_every_order_has_its_own_address(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 64)
    opened = await asyncio.gather(*(stored.open(partner) for _ in range(64)))
    assert len({one.order.pay_in_address for one in opened}) == 64
    with pytest.raises(Unavailable):
        await stored.open(partner)


async def test_a_hundred_callers_with_one_key_create_one_order(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 100)
    opened = await asyncio.gather(*(stored.open(partner, key()) for _ in range(100)))
    assert len({one.order.id for one in opened}) == 1
    assert sum(not one.repeated for one in opened) == 1
    assert stored.count("orders") == 1
    assert stored.count("pay_in_addresses", "order_id IS NOT NULL") == 1


async def test_a_key_with_another_body_is_a_conflict(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 2)
    await stored.open(partner, key())
    with pytest.raises(IdempotencyConflict):
        await stored.open(partner, key(body=b"c"))
    assert stored.count("orders") == 1


async def test_two_partners_can_use_the_same_key(stored: StoredOrders) -> None:
    partner, other = await stored_partner(stored.admin), await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 2)
    assert not (await stored.open(partner, key())).repeated
    assert not (await stored.open(other, key(body=b"c"))).repeated


async def test_a_repetition_succeeds_when_no_address_is_free(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    first = await stored.open(partner, key())
    again = await stored.open(partner, key())
    assert again.repeated
    assert again.order == first.order


async def observe(stored: StoredOrders, order: Order) -> bool:
    """Record a deposit for an order at its current version, with the event."""
    versioned = await stored.settlement_orders.read(order.id)
    assert versioned is not None
    moved = versioned.order.deposit_seen(ObservedDeposit("tx", 7_000), at=START)
    event = order_status_changed(new_id(), moved, at=START)
    return await stored.settlement_orders.save(
        moved, expected_version=versioned.version, event=event
    )


async def test_of_concurrent_moves_one_wins_and_stores_its_event(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin, webhook_url="https://example.org")
    add_addresses(stored.urls.owner, 1)
    opened = await stored.open(partner)
    versioned = await stored.settlement_orders.read(opened.order.id)
    assert versioned is not None
    moved = versioned.order.deposit_seen(ObservedDeposit("tx", 7_000), at=START)
    saved = await asyncio.gather(
        *(
            stored.settlement_orders.save(
                moved,
                expected_version=versioned.version,
                event=order_status_changed(new_id(), moved, at=START),
            )
            for _ in range(8)
        )
    )
    assert sorted(saved) == [False] * 7 + [True]
    assert stored.count("webhook_events") == 1
    assert await stored.gateway_orders.find(moved.id, partner.id) == (moved, HASH)


@pytest.mark.parametrize(
    "settings", [{"webhook_url": None}, {"webhook_events": frozenset()}], ids=["no URL", "no event"]
)
async def test_no_event_is_stored_without_a_url_or_a_subscription(
    stored: StoredOrders, settings: dict[str, object]
) -> None:
    partner = await stored_partner(
        stored.admin, **{"webhook_url": "https://example.org", **settings}
    )
    add_addresses(stored.urls.owner, 1)
    assert await observe(stored, (await stored.open(partner)).order)
    assert stored.count("webhook_events") == 0


async def test_a_deleted_order_stores_no_event(stored: StoredOrders) -> None:
    partner = await stored_partner(stored.admin, webhook_url="https://example.org")
    add_addresses(stored.urls.owner, 1)
    opened = await stored.open(partner)
    with psycopg.connect(stored.urls.owner, autocommit=True) as connection:
        connection.execute("UPDATE orders SET deleted_at = now()")
    assert await observe(stored, opened.order)
    assert stored.count("webhook_events") == 0


DENIED_TO_THE_GATEWAY = [
    "UPDATE orders SET state = 'completed'",
    "UPDATE orders SET destination_address = 'mine'",
    "UPDATE orders SET payout_tx_id = 'tx'",
    "DELETE FROM orders",
    "TRUNCATE orders",
    "INSERT INTO orders (id, state) VALUES (gen_random_uuid(), 'paying_out')",
    "INSERT INTO pay_in_addresses (network, address, derivation_index) VALUES ('Bitcoin', 'x', 0)",
    "UPDATE pay_in_addresses SET address = 'mine'",
    "DELETE FROM pay_in_addresses",
    "UPDATE pay_in_accounts SET public_key = 'mine'",
    "SELECT public_key FROM pay_in_accounts",
    "INSERT INTO webhook_events (id) VALUES (gen_random_uuid())",
    "UPDATE webhook_events SET body = ''",
    "UPDATE partners SET enabled = true",
    "UPDATE partners SET base_fee_share_bps = 10000",
    "UPDATE assets SET network_fee = 0",
    "UPDATE operator_settings SET maintenance = false",
    "UPDATE idempotency_keys SET order_id = gen_random_uuid()",
    "CREATE TABLE mine (id integer)",
]


@pytest.mark.parametrize("statement", DENIED_TO_THE_GATEWAY)
def test_the_gateway_role_is_denied_the_statement(
    database_urls: DatabaseUrls, statement: str
) -> None:
    with (
        psycopg.connect(database_urls.gateway) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


async def test_a_reserved_address_is_never_reserved_again(stored: StoredOrders) -> None:
    """The gateway can write the column, but only once per address."""
    partner = await stored_partner(stored.admin)
    add_addresses(stored.urls.owner, 1)
    await stored.open(partner)
    with (
        psycopg.connect(stored.urls.gateway) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="reserved for good"),
    ):
        connection.execute("UPDATE pay_in_addresses SET order_id = NULL")


BY_ID = {
    "versions": orders.WRITTEN,
    "orders": orders.FIND,
    "a status": orders.STATUS,
    "a page of a list": lists.LISTED,
    "statuses": lists.STATUSES,
    "a page of the cabinet": partner_orders.ROWS,
}


@pytest.mark.parametrize("read", BY_ID)
def test_orders_are_read_by_the_index_of_their_ids_while_there_are_no_statistics(
    database_urls: DatabaseUrls, read: str
) -> None:
    """A plan made then is kept while the table grows by tens of thousands of orders."""
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute(f"EXPLAIN (GENERIC_PLAN) {BY_ID[read]}").fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert "orders_pkey" in plan or "orders_partner" in plan, plan
    assert "orders_changed" not in plan, plan
    assert "Seq Scan on orders" not in plan, plan
