"""What the database itself refuses of outflows, and what the operator's commands set."""

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.chains import Outflow, OutflowCapped, OutflowKind, OutflowOff
from persistence.postgres.catalogue import read_catalogue
from persistence.postgres.orders import PostgresOrderBook
from persistence.postgres.outflows import PostgresOutflowBook
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.operator import USD, Operator, new_operator, with_database


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def paying_out(operator: Operator) -> UUID:
    """Open an order and have it be due, as if its deposit had been confirmed."""
    order_id = operator.order()
    operator.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", order_id)
    return UUID(order_id)


def intend(operator: Operator, order_id: UUID, *, usd: int = 600, **changes: Any) -> bool:
    async def work(settlement: Database) -> bool:
        catalogue = await read_catalogue(settlement)
        held = await PostgresOrderBook(settlement, lambda: catalogue).read(order_id)
        assert held is not None
        order = held.order
        outflow: dict[str, Any] = {
            "order_id": order_id,
            "kind": OutflowKind.PAYOUT,
            "asset": order.destination,
            "address": order.destination_address,
            "tag": None,
            "amount": order.destination_amount,
            **changes,
        }
        book = PostgresOutflowBook(settlement, lambda: catalogue)
        return await book.intend(Outflow(**outflow), usd=usd * USD, expected_version=held.version)

    return with_database(operator.urls.settlement, work)


def sign(operator: Operator, order_id: UUID, tx_id: str = "tx") -> bool:
    async def work(settlement: Database) -> bool:
        catalogue = await read_catalogue(settlement)
        book = PostgresOutflowBook(settlement, lambda: catalogue)
        (outflow,) = (one for one in await book.unfinished("Tron") if one.order_id == order_id)
        return await book.sign(outflow, raw="00", tx_id=tx_id)

    return with_database(operator.urls.settlement, work)


def test_an_order_is_intended_to_be_paid_once(operator: Operator) -> None:
    order_id = paying_out(operator)
    assert intend(operator, order_id)
    assert not intend(operator, order_id)
    assert operator.sql("SELECT count(*), sum(usd) FROM daily_outflow") == [(1, 600)]


@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"address": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"}]
)
def test_nothing_but_what_the_order_says_is_intended(
    operator: Operator, change: dict[str, Any]
) -> None:
    assert not intend(operator, paying_out(operator), **change)


def test_an_order_that_is_not_due_is_not_paid(operator: Operator) -> None:
    assert not intend(operator, UUID(operator.order()))


def test_nonces_are_given_out_once_and_in_order(operator: Operator) -> None:
    for _ in range(2):
        assert intend(operator, paying_out(operator), nonce=7)
    assert operator.sql("SELECT nonce FROM outflows ORDER BY nonce") == [(7,), (8,)]


def test_what_was_signed_is_never_replaced(operator: Operator) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id)
    assert sign(operator, order_id)
    assert not sign(operator, order_id, "another")
    with (
        psycopg.connect(operator.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"),
    ):
        connection.execute("UPDATE outflows SET raw = 'ff', tx_id = 'another'")


def test_nothing_is_intended_or_signed_while_outflow_is_off(operator: Operator) -> None:
    intended, waiting = paying_out(operator), paying_out(operator)
    intend(operator, intended)
    assert operator.json("outflow", "off")["enabled"] is False
    assert not sign(operator, intended)
    with pytest.raises(OutflowOff):
        intend(operator, waiting)
    assert operator.json("outflow", "on")["enabled"] is True
    assert sign(operator, intended)
    assert intend(operator, waiting)


def test_a_day_sends_no_more_than_its_cap(operator: Operator) -> None:
    assert operator.json("outflow", "cap", "1000")["dailyCapUsd"] == "1000.00"
    assert intend(operator, paying_out(operator))
    over = paying_out(operator)
    with pytest.raises(OutflowCapped):
        intend(operator, over)
    assert operator.json("outflow", "show") == {
        "enabled": True,
        "dailyCapUsd": "1000.00",
        "todayUsd": "600.00",
    }
    operator.json("outflow", "cap", "none")
    assert intend(operator, over)


def test_outflows_are_listed(operator: Operator) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id)
    (one,) = operator.json("outflow", "list")
    assert (one["order_id"], one["kind"], one["asset"], one["tx_id"]) == (
        str(order_id),
        "payout",
        "usdt_trc20",
        None,
    )
