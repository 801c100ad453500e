"""The ledger on a real PostgreSQL: complete with the order, balanced, and never changed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from domain.actions.ledger.accrue_earnings import accrue_earnings
from domain.actions.orders.complete_payout import complete_payout
from domain.errors import InvalidTransition
from domain.ledger.postings import Account, Accrual, Posting
from domain.money import format_units
from domain.orders.states import State
from domain.partners.codes import CodeStatistics
from tests.conftest import DatabaseUrls
from tests.support.builders.ledger import BTC_AT_62450, USD, Books
from tests.support.builders.records import stored_partner

VALUE = Decimal("624.5")
ONE_DOLLAR = (Posting(Account.CUSTOMER_DEPOSITS, -USD), Posting(Account.MARKUP, USD))


async def test_a_completed_order_is_posted_to_the_ledger(books: Books) -> None:
    partner = await stored_partner(books.admin, base_fee_share_bps=2_000)
    code = await books.code(partner)
    order_id = await books.due(partner, code, fee_bps=50, markup_bps=75)
    books.knows(BTC_AT_62450)
    order = await complete_payout(books.ports, order_id, "tx")
    assert books.posted() == {
        "customer_deposits": -VALUE,
        "customer_payouts": Decimal("616.69375"),
        "service_fee": Decimal("2.498"),
        "markup": Decimal("4.68375"),
        "base_fee_share": Decimal("0.6245"),
    }
    rows = books.sql(
        "SELECT DISTINCT transaction_id, partner_id, code_id, order_id, currency, created_at"
        " FROM ledger_postings"
    )
    assert rows == [(order_id, partner.id, code.id, order_id, "USD", order.finished_at)]
    assert books.sql("SELECT accrued FROM orders") == [(True,)]


async def test_the_statistics_of_a_code_are_the_sums_of_its_orders(books: Books) -> None:
    partner = await stored_partner(books.admin)
    first, second = await books.code(partner), await books.code(partner)
    books.knows(BTC_AT_62450)
    orders = [await books.due(partner, first, markup_bps=75) for _ in range(3)]
    await books.due(partner, None)
    for order_id in orders[:2]:
        await complete_payout(books.ports, order_id, "tx")
    books.sql("UPDATE orders SET deleted_at = now() WHERE id = %s", orders[0])
    own = {one.code.id: one.statistics for one in await books.codes.newest(partner.id, limit=9)}
    assert own[second.id] == CodeStatistics()
    assert own[first.id] == CodeStatistics(
        orders=3, volume_usd=1_249 * USD, earnings_usd=9_367_500 * USD // 10**6
    )


async def test_concurrent_completions_add_up_in_the_totals(books: Books) -> None:
    partner = await stored_partner(books.admin)
    code = await books.code(partner)
    books.knows(BTC_AT_62450)
    orders = [await books.due(partner, code, markup_bps=75) for _ in range(32)]
    await asyncio.gather(*(complete_payout(books.ports, one, "tx") for one in orders))
    (statistics,) = await books.statistics(partner)
    assert statistics == CodeStatistics(
        orders=32, volume_usd=32 * 6_245 * USD // 10, earnings_usd=32 * 4_683_750 * USD // 10**6
    )
    assert sum(books.posted().values()) == 0


async def test_concurrent_completions_of_one_order_are_posted_once(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner)
    books.knows(BTC_AT_62450)
    ended = await asyncio.gather(
        *(complete_payout(books.ports, order_id, "tx") for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, InvalidTransition) for one in ended) == 7
    assert books.posted()["customer_deposits"] == -VALUE


async def test_other_transitions_post_nothing(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner)
    held = await books.ports.orders.read(order_id)
    assert held is not None
    moved = msgspec.structs.replace(held.order, state=State.REFUNDED)
    assert await books.ports.orders.save(moved, expected_version=held.version, event=None)
    assert books.posted() == {}
    assert books.sql("SELECT accrued FROM orders") == [(False,)]


async def test_stale_prices_are_used_if_there_are_no_newer_ones(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner)
    books.knows(BTC_AT_62450, age=timedelta(days=1))
    await complete_payout(books.ports, order_id, "tx")
    assert books.posted()["customer_deposits"] == -VALUE


@pytest.mark.parametrize("prices", [None, {"USDT": USD}], ids=["no prices", "none of this coin"])
async def test_an_order_without_a_price_completes_and_is_accrued_later(
    books: Books, prices: dict[str, int] | None
) -> None:
    partner = await stored_partner(books.admin, base_fee_share_bps=100)
    code = await books.code(partner)
    order_id = await books.due(partner, code, markup_bps=75)
    if prices is not None:
        books.knows(prices, age=timedelta(seconds=5))
    completed = await complete_payout(books.ports, order_id, "tx")
    assert completed.state is State.COMPLETED
    assert await accrue_earnings(books.ports) == 0
    assert books.posted() == {}
    books.knows(BTC_AT_62450)
    assert await accrue_earnings(books.ports) == 1
    assert await accrue_earnings(books.ports) == 0
    assert books.posted()["customer_deposits"] == -VALUE
    assert books.posted()["markup"] == Decimal("4.68375")
    (statistics,) = await books.statistics(partner)
    assert statistics.volume_usd == 6_245 * USD // 10


async def test_concurrent_accruals_of_one_order_are_posted_once(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner)
    await complete_payout(books.ports, order_id, "tx")
    earned = Accrual(USD, 0, ONE_DOLLAR)
    at = books.ports.clock.now()
    accrued = await asyncio.gather(
        *(books.ports.orders.accrue(order_id, earned, at=at) for _ in range(8))
    )
    assert sorted(accrued) == [False] * 7 + [True]
    assert books.posted() == {"customer_deposits": -1, "markup": 1}


async def test_only_completed_orders_are_accrued(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner)
    earned = Accrual(USD, 0, ONE_DOLLAR)
    at = books.ports.clock.now()
    assert not await books.ports.orders.accrue(order_id, earned, at=at)
    assert books.posted() == {}


async def test_the_maximum_amount_is_posted_exactly(books: Books) -> None:
    partner = await stored_partner(books.admin)
    order_id = await books.due(partner, source_amount=10**20 * 10**8 - 1, markup_bps=1)
    books.knows({"BTC": 99_999_999 * USD + 1})
    await complete_payout(books.ports, order_id, "tx")
    rows = books.sql("SELECT amount::text FROM ledger_postings WHERE account = 'customer_deposits'")
    value = (10**20 * 10**8 - 1) * (99_999_999 * USD + 1) // 10**8
    assert rows == [(format_units(-value, 18),)]
    assert books.sql("SELECT sum(amount) FROM ledger_postings") == [(0,)]


def post(connection: Any, postings: Sequence[tuple[str, str]], currency: str = "USD") -> None:
    transaction = uuid4()
    for position, (account, amount) in enumerate(postings):
        connection.execute(
            "INSERT INTO ledger_postings"
            " (transaction_id, position, account, amount, currency, created_at)"
            " VALUES (%s, %s, %s, %s::numeric, %s, now())",
            (transaction, position, account, amount, currency),
        )


@pytest.mark.parametrize(
    "postings",
    [
        [("markup", "1")],
        [("customer_deposits", "-1"), ("markup", "0.999999999999999999")],
        [("customer_deposits", "-1"), ("markup", "1"), ("rounding", "0.000000000000000001")],
    ],
    ids=["one alone", "too little", "too much"],
)
def test_postings_that_do_not_balance_are_rejected(
    database_urls: DatabaseUrls, postings: list[tuple[str, str]]
) -> None:
    connection = psycopg.connect(database_urls.settlement)
    post(connection, postings)
    with pytest.raises(psycopg.errors.RaiseException, match="sum to zero"):
        connection.commit()
    connection.close()
    with psycopg.connect(database_urls.owner) as reading:
        assert reading.execute("SELECT count(*) FROM ledger_postings").fetchone() == (0,)


def test_each_currency_must_balance(database_urls: DatabaseUrls) -> None:
    transaction = uuid4()
    connection = psycopg.connect(database_urls.settlement)
    for position, (currency, amount) in enumerate([("USD", -1), ("EUR", 1)]):
        connection.execute(
            "INSERT INTO ledger_postings"
            " (transaction_id, position, account, amount, currency, created_at)"
            " VALUES (%s, %s, 'markup', %s, %s, now())",
            (transaction, position, amount, currency),
        )
    with pytest.raises(psycopg.errors.RaiseException, match="in each currency"):
        connection.commit()
    connection.close()


def test_a_committed_transaction_accepts_no_posting_that_unbalances_it(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.settlement) as connection:
        post(connection, [("customer_deposits", "-1"), ("markup", "1")])
    connection = psycopg.connect(database_urls.settlement)
    connection.execute(
        "INSERT INTO ledger_postings (transaction_id, position, account, amount, created_at)"
        " SELECT transaction_id, 9, 'markup', 1, now() FROM ledger_postings LIMIT 1"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="sum to zero"):
        connection.commit()
    connection.close()


@pytest.mark.parametrize("amount", ["0", "0.0000000000000000001", "NaN", "Infinity"])
def test_an_amount_has_at_most_18_decimals_and_is_not_zero(
    database_urls: DatabaseUrls, amount: str
) -> None:
    with (
        psycopg.connect(database_urls.settlement) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        post(connection, [("markup", amount)])


CHANGES = [
    "UPDATE ledger_postings SET amount = 2",
    "UPDATE ledger_postings SET partner_id = NULL",
    "DELETE FROM ledger_postings",
    "DELETE FROM ledger_postings WHERE false",
    "TRUNCATE ledger_postings",
]


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", ["gateway", "settlement", "admin", "owner"])
def test_no_role_changes_or_deletes_postings(
    database_urls: DatabaseUrls, role: str, statement: str
) -> None:
    with psycopg.connect(database_urls.settlement) as connection:
        post(connection, [("customer_deposits", "-1"), ("markup", "1")])
    refusal: type[psycopg.Error] = psycopg.errors.InsufficientPrivilege
    if role == "owner":
        refusal = psycopg.errors.RaiseException
    with psycopg.connect(getattr(database_urls, role)) as connection, pytest.raises(refusal):
        connection.execute(statement.encode())
    with psycopg.connect(database_urls.owner) as connection:
        rows = connection.execute("SELECT amount FROM ledger_postings ORDER BY position")
        assert rows.fetchall() == [(-1,), (1,)]


@pytest.mark.parametrize("statement", CHANGES)
def test_a_role_with_all_privileges_cannot_change_postings_either(
    database_urls: DatabaseUrls, statement: str
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute("GRANT ALL ON ledger_postings TO swapgate_admin")
    with (
        psycopg.connect(database_urls.admin) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement.encode())


FORBIDDEN = {
    "gateway": [
        "INSERT INTO ledger_postings (transaction_id) VALUES (gen_random_uuid())",
        "INSERT INTO code_totals (code_id, part) VALUES (gen_random_uuid(), 0)",
        "UPDATE code_totals SET earnings_usd = 1",
        "DELETE FROM code_totals",
        "UPDATE orders SET accrued = true",
        "UPDATE codes SET partner_id = gen_random_uuid()",
        "UPDATE codes SET code = 'mine'",
        "DELETE FROM codes",
        "UPDATE partners SET max_codes = 10000",
    ],
    "settlement": [
        "UPDATE code_totals SET earnings_usd = 1",
        "INSERT INTO codes (id) VALUES (gen_random_uuid())",
        "UPDATE partners SET generation = 1",
        "UPDATE partners SET base_fee_share_bps = 10000",
    ],
    "admin": [
        "INSERT INTO ledger_postings (transaction_id) VALUES (gen_random_uuid())",
        "UPDATE code_totals SET earnings_usd = 1",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, one) for role, those in FORBIDDEN.items() for one in those]
)
def test_a_role_lacks_the_privilege(database_urls: DatabaseUrls, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(database_urls, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
