"""The ledger under contention: many at once, and a server that undoes what they do."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from domain.actions.ledger.mark_paid_out import MarkedPayout, mark_paid_out
from domain.actions.ledger.ports import LedgerPorts
from domain.actions.ledger.reset_earnings import reset_earnings
from domain.actions.orders.complete_payout import complete_payout
from domain.errors import InvalidCommand
from domain.ledger.payouts import EarningsReset
from domain.orders.states import State
from gateway.runtime.clock import SystemClock, new_id
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from persistence.postgres.pool import TRIES, Database, DatabaseUnavailable
from persistence.postgres.reconciliation.differences import differences
from tests.support.builders.ledger import BTC_AT_62450, USD, Books
from tests.support.builders.records import stored_partner

WAYS = 64
MARKUP = 4_683_750 * USD // 10**6

# A server's own refusal; the sequence counts on although its transaction is undone.
UNDO = """
CREATE SEQUENCE tried;
GRANT USAGE ON SEQUENCE tried TO PUBLIC;
CREATE FUNCTION undo_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF mod(nextval('tried'), {of}) = 0 THEN
    RAISE EXCEPTION 'could not serialize access due to concurrent update' USING ERRCODE = '40001';
  END IF;
  RETURN NULL;
END
$$;
CREATE {constraint} TRIGGER zz_undo_some AFTER INSERT ON ledger_postings
  {each} EXECUTE FUNCTION undo_some();
"""


@pytest.fixture
async def many(books: Books) -> AsyncIterator[LedgerPorts]:
    """A bookkeeping with a connection for each of so many ways."""
    database = Database(books.urls.admin, size=WAYS)
    yield LedgerPorts(
        clock=SystemClock(), repository=PostgresEarningsRepository(database), new_id=new_id
    )
    database.close()


def undo_one(books: Books, *, of: int, at_commit: bool = False) -> None:
    """Have the server undo one of so many statements that post, or of postings."""
    statement = UNDO.format(
        of=of,
        constraint="CONSTRAINT" if at_commit else "",
        each="DEFERRABLE INITIALLY DEFERRED FOR EACH ROW" if at_commit else "FOR EACH STATEMENT",
    )
    with psycopg.connect(books.urls.owner, autocommit=True) as connection:
        connection.execute(statement.encode())


async def nothing_differs(books: Books) -> None:
    found = [one async for one in differences(books.admin, books.catalogue)]
    # nobody has paid for these orders, nor sent anything for them on a chain
    nothing_on_chains = {"deposits of an order", "missing outflow of an order"}
    assert [one for one in found if one.what not in nothing_on_chains] == []


async def test_64_concurrent_payouts_pay_exactly_what_is_owed(
    books: Books, many: LedgerPorts
) -> None:
    partner = await stored_partner(books.admin)
    books.knows(BTC_AT_62450)
    due = [await books.due(partner, markup_bps=75) for _ in range(WAYS)]
    for order_id in due[:4]:
        await complete_payout(books.ports, order_id, "tx")

    async def take(number: int) -> MarkedPayout | EarningsReset:
        if number % 4 == 3:
            return await reset_earnings(many, partner.id)
        return await mark_paid_out(many, partner.id, f"wire {number // 2}")

    ended = await asyncio.gather(
        *(take(number) for number in range(WAYS)),
        *(complete_payout(books.ports, order_id, "tx") for order_id in due[4:]),
        return_exceptions=True,
    )
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, InvalidCommand) for one in refused), refused
    amounts = {one.payout.id: one.payout.amount for one in ended if isinstance(one, MarkedPayout)}
    amounts |= {one.id: one.amount for one in ended if isinstance(one, EarningsReset)}
    after = await books.earnings.earnings(partner.id)
    assert after.markup == WAYS * MARKUP
    assert after.owed == WAYS * MARKUP - sum(amounts.values()) >= 0
    assert after.ended_periods == len(amounts) > 0
    await nothing_differs(books)


@pytest.mark.parametrize("at_commit", [False, True], ids=["at once", "at commit"])
async def test_a_transaction_aborted_by_the_server_is_retried_and_takes_effect_once(
    books: Books, many: LedgerPorts, *, at_commit: bool
) -> None:
    partner = await stored_partner(books.admin)
    books.knows(BTC_AT_62450)
    due = [await books.due(partner, markup_bps=75) for _ in range(8)]
    undo_one(books, of=23 if at_commit else 4, at_commit=at_commit)
    completed = await asyncio.gather(
        *(complete_payout(books.ports, order_id, "tx") for order_id in due)
    )
    assert {order.state for order in completed} == {State.COMPLETED}
    paid = await asyncio.gather(
        *(mark_paid_out(many, partner.id, f"wire {number}", amount=USD) for number in range(8))
    )
    assert sorted(one.repeated for one in paid) == [False] * 8
    reset = await reset_earnings(many, partner.id)
    after = await books.earnings.earnings(partner.id)
    assert (after.markup, after.paid, after.reset) == (8 * MARKUP, 8 * USD, reset.amount)
    stored = "count(*)" if at_commit else "count(DISTINCT transaction_id)"
    ((undone,),) = books.sql(
        f"SELECT (SELECT last_value FROM tried) - (SELECT {stored} FROM ledger_postings)"
    )
    assert undone > 0
    await nothing_differs(books)


async def test_a_transaction_that_is_always_aborted_fails_without_effect(
    books: Books, many: LedgerPorts
) -> None:
    partner = await stored_partner(books.admin)
    books.knows(BTC_AT_62450)
    await complete_payout(books.ports, await books.due(partner, markup_bps=75), "tx")
    undo_one(books, of=1)
    with pytest.raises(DatabaseUnavailable, match="could not serialize"):
        await mark_paid_out(many, partner.id, "wire 7")
    assert books.sql("SELECT last_value FROM tried") == [(TRIES,)]
    assert books.sql("SELECT count(*) FROM earnings_periods") == [(0,)]
    await nothing_differs(books)
