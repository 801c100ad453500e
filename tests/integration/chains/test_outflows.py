"""What the database itself refuses of outflows, and what the operator's commands set."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.chains.transfers import Outflow, OutflowCapped, OutflowKind, OutflowOff
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import (
    USD,
    Operator,
    new_operator,
    sentence_of,
    with_database,
)

T = TypeVar("T")


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
        held = await PostgresSettlementOrderRepository(settlement, lambda: catalogue).read(order_id)
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
        book = PostgresOutflowRepository(settlement, lambda: catalogue)
        return await book.intend(Outflow(**outflow), usd=usd * USD, expected_version=held.version)

    return with_database(operator.urls.settlement, work)


def on_book(operator: Operator, ask: Callable[[PostgresOutflowRepository], Awaitable[T]]) -> T:
    async def work(settlement: Database) -> T:
        catalogue = await read_catalogue(settlement)
        return await ask(PostgresOutflowRepository(settlement, lambda: catalogue))

    return with_database(operator.urls.settlement, work)


def unfinished(operator: Operator) -> Sequence[Outflow]:
    return on_book(operator, lambda book: book.unfinished("Tron"))


def sign(operator: Operator, order_id: UUID, tx_id: str = "tx") -> bool:
    (outflow,) = (one for one in unfinished(operator) if one.order_id == order_id)
    return on_book(operator, lambda book: book.sign(outflow, raw="00", tx_id=tx_id))


def cancel(operator: Operator, order_id: UUID) -> bool:
    found = [one for one in unfinished(operator) if one.order_id == order_id]
    return bool(found) and on_book(operator, lambda book: book.cancel(found[0]))


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


def test_an_intention_that_nothing_is_signed_for_is_taken_back_and_listed(
    operator: Operator,
) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id, nonce=7)
    assert cancel(operator, order_id)
    assert not cancel(operator, order_id)
    assert operator.sql("SELECT count(*) FROM outflows") == [(0,)]
    assert operator.sql("SELECT usd FROM daily_outflow") == [(0,)]
    (one,) = operator.json("outflow", "cancelled")
    assert (one["order_id"], one["asset"], one["nonce"]) == (str(order_id), "usdt_trc20", 7)


def test_the_nonce_of_what_was_taken_back_is_given_again(operator: Operator) -> None:
    first, second, third = (paying_out(operator) for _ in range(3))
    intend(operator, first, nonce=7)
    intend(operator, second, nonce=7)
    cancel(operator, first)
    intend(operator, third, nonce=7)
    assert operator.sql("SELECT order_id, nonce FROM outflows ORDER BY nonce") == [
        (third, 7),
        (second, 8),
    ]


def test_what_is_signed_is_not_taken_back(operator: Operator) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id)
    sign(operator, order_id)
    assert not cancel(operator, order_id)
    with (
        psycopg.connect(operator.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"),
    ):
        connection.execute("DELETE FROM outflows")


def test_a_signature_for_an_intention_that_was_taken_back_is_not_kept(operator: Operator) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id)
    (before,) = unfinished(operator)
    cancel(operator, order_id)
    intend(operator, order_id)
    assert not on_book(operator, lambda book: book.sign(before, raw="00", tx_id="tx"))
    assert sign(operator, order_id)


def test_a_replacement_is_kept_once_beside_what_it_replaces(operator: Operator) -> None:
    order_id = paying_out(operator)
    intend(operator, order_id)
    sign(operator, order_id)
    (signed,) = unfinished(operator)
    assert not on_book(operator, lambda book: book.replace(signed, raw="01", tx_id="second"))
    on_book(operator, lambda book: book.broadcast(order_id, at=datetime.now(UTC)))
    assert on_book(operator, lambda book: book.replace(signed, raw="01", tx_id="second"))
    assert not on_book(operator, lambda book: book.replace(signed, raw="02", tx_id="third"))
    (found,) = on_book(operator, lambda book: book.unsettled("Tron"))
    assert [one.tx_id for one in found.candidates] == ["tx", "second"]
    operator.json("outflow", "off")
    assert not on_book(operator, lambda book: book.replace(found, raw="02", tx_id="third"))
    operator.json("outflow", "on")
    on_book(operator, lambda book: book.settled(order_id, tx_id="tx", at=datetime.now(UTC)))
    assert not on_book(operator, lambda book: book.replace(found, raw="02", tx_id="third"))


def test_a_payout_is_allowed_by_the_operator_alone(operator: Operator) -> None:
    order_id = paying_out(operator)
    assert not on_book(operator, lambda book: book.is_permitted(order_id))
    assert operator.json("outflow", "allow", str(order_id))["allowed"] is True
    operator.json("outflow", "allow", str(order_id))
    assert on_book(operator, lambda book: book.is_permitted(order_id))
    done = operator.run("outflow", "allow", str(uuid4()))
    assert "There is no order" in sentence_of(done)


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
