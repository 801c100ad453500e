"""Reconciliation reports every kind of damage, and nothing for intact data."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest

from domain.actions.ledger.change_payout_details import (
    cancel_payout_details,
    request_payout_details,
)
from domain.actions.ledger.mark_paid_out import mark_paid_out
from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.actions.ledger.reset_earnings import reset_earnings
from domain.actions.orders.expire_orders import expire_order
from domain.cabinet.members import Member, Role
from domain.partners.partner import Partner
from domain.webhooks.events import EventType
from domain.webhooks.samples import sample_event
from gateway.runtime.clock import new_id
from persistence.postgres.ledger.payout_details import PostgresPayoutDetailsRepository
from persistence.postgres.market.reserves import PostgresReserveRepository
from persistence.postgres.market.settings import PostgresMarketSettings
from persistence.postgres.webhooks.bodies import original_body
from persistence.postgres.webhooks.outbox import enqueue_test_event
from tests.conftest import TEMPLATE, DatabaseUrls, Servers
from tests.support.builders.ledger import BTC_AT_62450, USD, Books, opened_books
from tests.support.builders.records import stored_partner
from tests.support.clients.operator_command import Operator, new_operator

TRON_ADDRESS = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
ALL_EVENTS = frozenset(EventType) - {EventType.WEBHOOK_TEST}


async def keep_books(urls: DatabaseUrls) -> None:
    """Create orders, payouts, resets and events of every kind for two partners."""
    async with opened_books(urls) as books:
        books.knows(BTC_AT_62450)
        await PostgresReserveRepository(books.admin).set(
            books.catalogue.assets["usdt_trc20"], 10**12
        )
        limits = await PostgresMarketSettings(books.admin).limits()
        await PostgresMarketSettings(books.admin).set_limits(
            msgspec.structs.replace(limits, daily_cap_usd=1_000_000 * USD)
        )
        for settings in ({}, {"webhook_url": "https://wallet.example", "base_fee_share_bps": 900}):
            partner = await stored_partner(books.admin, webhook_events=ALL_EVENTS, **settings)
            code = await books.code(partner)
            await books.swapped(partner, code, markup_bps=75, worth_usd=624 * USD)
            await books.swapped(partner, markup_bps=20)
            await mark_paid_out(books.ledger, partner.id, "wire 7", amount=USD)
            await reset_earnings(books.ledger, partner.id)
            await books.swapped(partner, code, markup_bps=75, worth_usd=624 * USD)
            await mark_paid_out(books.ledger, partner.id, "wire 8")
            await books.opened(partner, code, worth_usd=624 * USD)
            late = books.ports.clock.now()
            order = await books.opened(partner, code, expires_at=late, worth_usd=624 * USD)
            await expire_order(books.ports, order.id)
        await change_payout_details(books, partner)
        event = sample_event(
            EventType.WEBHOOK_TEST, new_id(), partner.id, at=books.ports.clock.now()
        )
        assert await enqueue_test_event(books.gateway, event)
        # As earlier versions stored it, and a statement of this test can change it.
        ((body,),) = books.sql(f"SELECT body FROM webhook_events WHERE {LAST}")
        books.sql(f"UPDATE webhook_events SET body = %s WHERE {LAST}", original_body(body))


async def change_payout_details(books: Books, partner: Partner) -> None:
    """Request new payout details and withdraw them."""
    ports = PayoutDetailsPorts(
        clock=books.ports.clock,
        market=books.market,
        repository=PostgresPayoutDetailsRepository(books.gateway),
        new_id=new_id,
    )
    owner = Member(
        id=new_id(),
        partner_id=partner.id,
        partner_name=partner.name,
        enabled=True,
        email=partner.email,
        role=Role.OWNER,
        zone="UTC",
        must_change_password=False,
        epoch=0,
        second_factor=True,
    )
    requested = await request_payout_details(
        ports, owner, asset="usdt_trc20", address=TRON_ADDRESS, tag=""
    )
    await cancel_payout_details(ports, owner, requested.id)


@pytest.fixture(scope="module")
def kept(servers: Servers) -> Iterator[str]:
    """The name of a database with intact books, to be copied."""
    name = f"kept_{uuid4().hex}"
    servers.postgres.create_database(name, template=TEMPLATE)
    asyncio.run(keep_books(urls_of(servers, name)))
    yield name
    servers.postgres.drop_database(name)


@pytest.fixture
def operator(servers: Servers, kept: str, tmp_path: Path) -> Iterator[Operator]:
    name = f"copy_{uuid4().hex}"
    servers.postgres.create_database(name, template=kept)
    yield new_operator(urls_of(servers, name), servers, tmp_path)
    servers.postgres.drop_database(name)


def urls_of(servers: Servers, name: str) -> DatabaseUrls:
    def url(role: str) -> str:
        return servers.postgres.url(user=f"swapgate_{role}", database=name)

    owner = servers.postgres.url(database=name)
    return DatabaseUrls(owner, url("admin"), url("gateway"), url("settlement"))


def damage(operator: Operator, statement: str) -> None:
    """Run a statement without triggers and foreign keys."""
    with psycopg.connect(operator.urls.owner, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


def test_intact_books_have_no_differences(operator: Operator) -> None:
    assert operator.json("reconcile") == {"differences": []}
    assert operator.run("reconcile").stdout.strip() == "none"


def test_events_of_every_type_reconcile(operator: Operator) -> None:
    with psycopg.connect(operator.urls.owner) as connection:
        stored = connection.execute("SELECT DISTINCT type FROM webhook_events").fetchall()
    assert {event_type for (event_type,) in stored} == {
        event_type.value for event_type in EventType
    }
    assert operator.json("reconcile") == {"differences": []}


def one(table: str, condition: str = "true", key: str = "id") -> str:
    """Return a condition that selects the first row of a table with `condition`."""
    return f"{key} = (SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT 1)"


ORDER = one("orders", "state = 'completed' AND code_id IS NOT NULL AND events > 0")
MARKUP = "account = 'markup' AND code_id IS NOT NULL AND transaction_id = (SELECT id FROM orders"
MARKUP += f" WHERE {ORDER})"
PAYOUT = one("earnings_periods", "ended_by = 'payout' AND event_id IS NOT NULL")
EVENT = one("webhook_events", "dedup_key LIKE 'order:%:PENDING'")
LAST = "id = (SELECT e.id FROM webhook_events e JOIN orders o ON o.id = e.order_id"
LAST += " WHERE e.position = o.version AND o.state = 'completed' ORDER BY 1 LIMIT 1)"
PAYOUT_EVENT = one("webhook_events", "type = 'partner.paid_out'")
TOTALS = {"partner total", "partner day", "code total"}

DAMAGE = {
    "a posting is changed": (
        f"UPDATE ledger_postings SET amount = amount + 1 WHERE {MARKUP}",
        {"transaction balance", "postings of an order", *TOTALS},
    ),
    "a posting is deleted": (
        f"DELETE FROM ledger_postings WHERE {MARKUP}",
        {"transaction balance", "postings of an order", "partner balance", *TOTALS},
    ),
    "the postings of an order are deleted": (
        f"DELETE FROM ledger_postings WHERE transaction_id = (SELECT id FROM orders WHERE {ORDER})",
        {"postings of an order", "partner balance", *TOTALS},
    ),
    "money is moved from one account to another": (
        (
            "UPDATE ledger_postings SET amount = amount"
            " + CASE account WHEN 'markup' THEN 1 ELSE -1 END"
            " WHERE account IN ('markup', 'service_fee')"
            f" AND transaction_id = (SELECT id FROM orders WHERE {ORDER})"
        ),
        {"postings of an order", *TOTALS},
    ),
    "a posting has no code any more": (
        f"UPDATE ledger_postings SET code_id = NULL WHERE {MARKUP}",
        {"postings of an order", "code total"},
    ),
    "a posting is in another currency": (
        f"UPDATE ledger_postings SET currency = 'EUR' WHERE {MARKUP}",
        {"transaction balance", "postings of an order", "partner balance", *TOTALS},
    ),
    "a transaction without an order is inserted": (
        (
            "WITH made AS MATERIALIZED (SELECT gen_random_uuid() AS id) INSERT INTO ledger_postings"
            " (transaction_id, position, account, partner_id, amount, created_at)"
            " SELECT made.id, n, account, partners.id, n * 2 - 3, now() FROM made,"
            f" (SELECT id FROM partners WHERE {one('partners')}) AS partners,"
            " (VALUES (1, 'customer_deposits'), (2, 'markup')) AS p (n, account)"
        ),
        {"order or period of a transaction", "partner total", "partner day"},
    ),
    "an order's price is changed": (
        f"UPDATE orders SET accrual_price_usd = accrual_price_usd + 1 WHERE {ORDER}",
        {"postings of an order"},
    ),
    "an order's share is changed": (
        f"UPDATE orders SET accrual_share_bps = accrual_share_bps + 1 WHERE {ORDER}",
        {"postings of an order"},
    ),
    "an order's amount is changed": (
        f"UPDATE orders SET source_amount = source_amount * 2 WHERE {ORDER}",
        {"postings of an order", "deposits of an order"},
    ),
    "an order is marked as not accrued": (
        (
            "UPDATE orders SET accrued = false, finished_at = finished_at - interval '1 hour'"
            f" WHERE {ORDER}"
        ),
        {"postings of an order", "unposted earnings of an order"},
    ),
    "a completed order is no longer completed": (
        f"UPDATE orders SET state = 'expired' WHERE {ORDER}",
        {
            "state of an accrued order",
            "status of an order's last event",
            "daily volume",
        },
    ),
    "a payout is changed": (
        f"UPDATE earnings_periods SET amount_usd = amount_usd + 1000 WHERE {PAYOUT}",
        {"postings of an earnings period", "sequence of earnings periods"},
    ),
    "a payout is deleted": (
        f"DELETE FROM earnings_periods WHERE {PAYOUT}",
        {
            "order or period of a transaction",
            "sequence of earnings periods",
            "earnings period of an event",
        },
    ),
    "the postings of a payout have another amount": (
        (
            "UPDATE ledger_postings SET amount = amount * 100 WHERE transaction_id ="
            f" (SELECT id FROM earnings_periods WHERE {PAYOUT})"
        ),
        {"postings of an earnings period", "partner total", "partner balance"},
    ),
    "a period starts at another time": (
        (
            "UPDATE earnings_periods SET period_start = period_start - interval '1 day'"
            f" WHERE {PAYOUT}"
        ),
        {"sequence of earnings periods"},
    ),
    "a partner's total is changed": (
        (
            f"UPDATE partner_totals SET paid_usd = paid_usd - 1"
            f" WHERE {one('partner_totals', key='partner_id')}"
        ),
        {"partner total"},
    ),
    "a partner's day is changed": (
        "UPDATE partner_days SET completed = completed + 1",
        {"partner day"},
    ),
    "the days of partners are deleted": ("TRUNCATE partner_days", {"partner day"}),
    "the totals of partners are deleted": ("TRUNCATE partner_totals", {"partner total"}),
    "a code's orders are counted wrongly": (
        "UPDATE code_totals SET orders = orders + 1",
        {"code total"},
    ),
    "a reserve is promised wrongly": (
        "UPDATE reserves SET promised = promised + 1",
        {"promised reserve"},
    ),
    "a day is counted wrongly": ("UPDATE daily_volume SET usd = usd - 1", {"daily volume"}),
    "the address of an order is marked as free": (
        f"UPDATE pay_in_addresses SET order_id = NULL WHERE {one('pay_in_addresses')}",
        {"pay-in address of an order"},
    ),
    "an order shows another address": (
        f"UPDATE orders SET pay_in_address = 'elsewhere' WHERE {ORDER}",
        {"pay-in address of an order"},
    ),
    "an account would derive an index twice": (
        (
            "INSERT INTO pay_in_accounts (network, kind, public_key, next_index)"
            " VALUES ('Bitcoin', 'bip84', 'xpub', 1)"
        ),
        {"next index of a pay-in account"},
    ),
    "a deposit is changed": (
        (
            f"UPDATE deposits SET amount = amount / 2 WHERE order_id = (SELECT id FROM orders"
            f" WHERE {ORDER})"
        ),
        {"deposits of an order"},
    ),
    "a deposit is deleted": (
        f"DELETE FROM deposits WHERE order_id = (SELECT id FROM orders WHERE {ORDER})",
        {"deposits of an order"},
    ),
    "an event is deleted": (
        f"DELETE FROM webhook_events WHERE {EVENT}",
        {"number of events of an order"},
    ),
    "an event is duplicated": (
        (
            "INSERT INTO webhook_events (id, partner_id, order_id, position, type, dedup_key, body,"
            " due_at, created_at)"
            " SELECT gen_random_uuid(), partner_id, order_id, 99, type, dedup_key,"
            f" body, due_at, created_at FROM webhook_events WHERE {EVENT}"
        ),
        {"number of events of an order", "position of an event"},
    ),
    "an event belongs to another partner": (
        (
            "UPDATE webhook_events SET partner_id = (SELECT id FROM partners p"
            f" WHERE p.id <> partner_id LIMIT 1) WHERE {EVENT}"
        ),
        {"partner of an event"},
    ),
    "an event belongs to another order": (
        (
            f"UPDATE webhook_events SET position = 0,"
            f" order_id = (SELECT id FROM orders WHERE {ORDER})"
            f" WHERE {one('webhook_events', 'order_id IS NULL')}"
        ),
        {"number of events of an order"},
    ),
    "the body of an event is malformed": (
        f"UPDATE webhook_events SET body = '{{' WHERE {EVENT}",
        {"body of an event"},
    ),
    "the body of an event cannot be decompressed": (
        f"UPDATE webhook_events SET body = '\\x01ffff' WHERE {EVENT}",
        {"body of an event"},
    ),
    "an event's body is of another type": (
        (
            "UPDATE webhook_events SET body = (SELECT body FROM webhook_events e"
            f" WHERE e.type = 'webhook.test' LIMIT 1) WHERE {EVENT}"
        ),
        {"body of an event"},
    ),
    "an event has another status": (
        (
            "UPDATE webhook_events SET body = convert_to(replace(convert_from(body, 'UTF8'),"
            f" '\"DONE\"', '\"EXPIRED\"'), 'UTF8') WHERE {LAST}"
        ),
        {"dedup key of an event", "status of an order's last event"},
    ),
    "the body of an event has another order": (
        (
            "UPDATE webhook_events SET body = (SELECT body FROM webhook_events e WHERE e.type ="
            f" webhook_events.type AND e.order_id <> webhook_events.order_id LIMIT 1) WHERE {EVENT}"
        ),
        {"dedup key of an event", "order of an event"},
    ),
    "an event has an unknown type": (
        f"UPDATE webhook_events SET type = 'order.vanished' WHERE {EVENT}",
        {"type of an event"},
    ),
    "the event of a payout is deleted": (
        f"DELETE FROM webhook_events WHERE {PAYOUT_EVENT}",
        {"event of an earnings period"},
    ),
    "an event without a payout is inserted": (
        (
            "INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, due_at,"
            " created_at) SELECT gen_random_uuid(), partner_id, 0, type, dedup_key, body, due_at,"
            f" created_at FROM webhook_events WHERE {PAYOUT_EVENT}"
        ),
        {"earnings period of an event"},
    ),
    "an event is marked as delivered": (
        f"UPDATE webhook_events SET status = 'delivered', finished_at = now() WHERE {EVENT}",
        {"successful attempt of a delivered event"},
    ),
    "a pending event has a finish time": (
        f"UPDATE webhook_events SET finished_at = now() WHERE {EVENT}",
        {"finish time of an event"},
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_reported_as_a_difference(operator: Operator, name: str) -> None:
    statement, expected = DAMAGE[name]
    damage(operator, statement)
    done = operator.run("reconcile", "--json")
    assert done.exit_code == 1
    listed = msgspec.json.decode(done.stdout)["differences"]
    assert {difference["what"] for difference in listed} == expected
    assert all(difference["expected"] != difference["found"] for difference in listed)
    differences = "1 difference" if len(listed) == 1 else f"{len(listed)} differences"
    message = f"{differences} found; nothing was changed"
    assert msgspec.json.decode(done.stderr) == {"error": {"message": message}}
