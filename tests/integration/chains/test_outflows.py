"""The database prevents paying an order twice; the operator disables, caps and allows outflows."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.chains.outflows import (
    Outflow,
    OutflowCapExceeded,
    OutflowDisabled,
    OutflowKind,
)
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.leases import leading
from tests.support.clients.operator_command import (
    USD,
    Operator,
    error_of,
    new_operator,
    with_database,
)

T = TypeVar("T")


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def paying_out(operator: Operator) -> UUID:
    """Open an order whose payout is due, as if its deposit had been confirmed."""
    order_id = operator.order()
    operator.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", order_id)
    return UUID(order_id)


def create(
    operator: Operator, order_id: UUID, *, usd: int = 600, fee: str = "0.01", **changes: Any
) -> bool:
    async def work(settlement: Database) -> bool:
        catalogue = await read_catalogue(settlement)
        stored = await PostgresSettlementOrderRepository(settlement, lambda: catalogue).read(
            order_id
        )
        assert stored is not None
        order = stored.order
        outflow: dict[str, Any] = {
            "order_id": order_id,
            "kind": OutflowKind.PAYOUT,
            "asset": order.destination,
            "address": order.destination_address,
            "tag": None,
            "amount": order.destination_amount,
            **changes,
        }
        lease = leading(operator.urls.settlement, order.destination.network)
        outflows = PostgresOutflowRepository(settlement, lambda: catalogue, lease=lease)
        return await outflows.create(
            Outflow(**outflow), usd=usd * USD, fee=fee, expected_version=stored.version
        )

    return with_database(operator.urls.settlement, work)


def with_outflows(
    operator: Operator, call: Callable[[PostgresOutflowRepository], Awaitable[T]]
) -> T:
    async def work(settlement: Database) -> T:
        catalogue = await read_catalogue(settlement)
        lease = leading(operator.urls.settlement, "Tron")
        return await call(PostgresOutflowRepository(settlement, lambda: catalogue, lease=lease))

    return with_database(operator.urls.settlement, work)


def replace(operator: Operator, outflow: Outflow, tx_id: str) -> bool:
    raw = tx_id.encode().hex()
    return with_outflows(
        operator, lambda outflows: outflows.add_replacement(outflow, raw=raw, tx_id=tx_id)
    )


def unbroadcast(operator: Operator) -> Sequence[Outflow]:
    return with_outflows(operator, lambda outflows: outflows.unbroadcast("Tron"))


def sign(operator: Operator, order_id: UUID, tx_id: str = "tx") -> bool:
    (outflow,) = (one for one in unbroadcast(operator) if one.order_id == order_id)
    return with_outflows(
        operator, lambda outflows: outflows.store_signed(outflow, raw="00", tx_id=tx_id)
    )


def cancel(operator: Operator, order_id: UUID) -> bool:
    found = [one for one in unbroadcast(operator) if one.order_id == order_id]
    return bool(found) and with_outflows(operator, lambda outflows: outflows.cancel(found[0]))


def test_an_order_has_one_outflow(operator: Operator) -> None:
    order_id = paying_out(operator)
    assert create(operator, order_id)
    assert not create(operator, order_id)
    assert operator.sql("SELECT count(*), sum(usd) FROM daily_outflow") == [(1, 600)]


@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"address": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"}]
)
def test_an_outflow_with_another_amount_or_address_than_its_order_is_rejected(
    operator: Operator, change: dict[str, Any]
) -> None:
    assert not create(operator, paying_out(operator), **change)


def test_an_order_that_is_not_due_gets_no_outflow(operator: Operator) -> None:
    assert not create(operator, UUID(operator.order()))


def test_nonces_are_assigned_once_and_in_order(operator: Operator) -> None:
    for _ in range(2):
        assert create(operator, paying_out(operator), nonce=7)
    assert operator.sql("SELECT nonce FROM outflows ORDER BY nonce") == [(7,), (8,)]


def test_a_signed_transaction_is_never_overwritten(operator: Operator) -> None:
    order_id = paying_out(operator)
    create(operator, order_id)
    assert sign(operator, order_id)
    assert not sign(operator, order_id, "another")
    with (
        psycopg.connect(operator.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"),
    ):
        connection.execute("UPDATE outflows SET raw = 'ff', tx_id = 'another'")


def test_an_unsigned_outflow_is_cancelled_and_listed(
    operator: Operator,
) -> None:
    order_id = paying_out(operator)
    create(operator, order_id, nonce=7)
    assert cancel(operator, order_id)
    assert not cancel(operator, order_id)
    assert operator.sql("SELECT count(*) FROM outflows") == [(0,)]
    assert operator.sql("SELECT usd FROM daily_outflow") == [(0,)]
    (one,) = operator.json("outflow", "cancelled")
    assert (one["order_id"], one["asset"], one["nonce"]) == (str(order_id), "usdt_trc20", 7)


def test_the_nonce_of_a_cancelled_outflow_is_assigned_again(operator: Operator) -> None:
    first, second, third = (paying_out(operator) for _ in range(3))
    create(operator, first, nonce=7)
    create(operator, second, nonce=7)
    cancel(operator, first)
    create(operator, third, nonce=7)
    assert operator.sql("SELECT order_id, nonce FROM outflows ORDER BY nonce") == [
        (third, 7),
        (second, 8),
    ]


def test_a_signed_outflow_is_not_cancelled(operator: Operator) -> None:
    order_id = paying_out(operator)
    create(operator, order_id)
    sign(operator, order_id)
    assert not cancel(operator, order_id)
    with (
        psycopg.connect(operator.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="what was signed stays"),
    ):
        connection.execute("DELETE FROM outflows")


def test_a_signature_for_a_cancelled_outflow_is_not_stored(operator: Operator) -> None:
    order_id = paying_out(operator)
    create(operator, order_id)
    (before,) = unbroadcast(operator)
    cancel(operator, order_id)
    create(operator, order_id)
    assert not with_outflows(
        operator, lambda outflows: outflows.store_signed(before, raw="00", tx_id="tx")
    )
    assert sign(operator, order_id)


def test_a_replacement_is_stored_once_beside_what_it_replaces(operator: Operator) -> None:
    order_id = paying_out(operator)
    create(operator, order_id)
    sign(operator, order_id)
    (signed,) = unbroadcast(operator)
    assert not replace(operator, signed, "second")
    with_outflows(operator, lambda outflows: outflows.mark_broadcast(signed, at=datetime.now(UTC)))
    assert replace(operator, signed, "second")
    assert not replace(operator, signed, "third")
    (found,) = with_outflows(operator, lambda outflows: outflows.unsettled("Tron"))
    assert [one.tx_id for one in found.candidates] == ["tx", "second"]
    operator.json("outflow", "off")
    assert not replace(operator, found, "third")
    operator.json("outflow", "on")
    with_outflows(
        operator, lambda outflows: outflows.mark_settled(found, tx_id="tx", at=datetime.now(UTC))
    )
    assert not replace(operator, found, "third")


def test_only_the_operator_allows_a_payout(operator: Operator) -> None:
    order_id = paying_out(operator)
    assert not with_outflows(operator, lambda outflows: outflows.is_permitted(order_id))
    assert operator.json("outflow", "allow", str(order_id))["allowed"] is True
    operator.json("outflow", "allow", str(order_id))
    assert with_outflows(operator, lambda outflows: outflows.is_permitted(order_id))
    done = operator.run("outflow", "allow", str(uuid4()))
    assert "There is no order" in error_of(done)


def test_nothing_is_created_or_signed_while_outflows_are_disabled(operator: Operator) -> None:
    intended, waiting = paying_out(operator), paying_out(operator)
    create(operator, intended)
    assert operator.json("outflow", "off")["enabled"] is False
    assert not sign(operator, intended)
    with pytest.raises(OutflowDisabled):
        create(operator, waiting)
    assert operator.json("outflow", "on")["enabled"] is True
    assert sign(operator, intended)
    assert create(operator, waiting)


def test_a_day_sends_at_most_its_cap(operator: Operator) -> None:
    assert operator.json("outflow", "cap", "1000")["dailyCapUsd"] == "1000.00"
    assert create(operator, paying_out(operator))
    over = paying_out(operator)
    with pytest.raises(OutflowCapExceeded):
        create(operator, over)
    assert operator.json("outflow", "show") == {
        "enabled": True,
        "dailyCapUsd": "1000.00",
        "todayUsd": "600.00",
    }
    operator.json("outflow", "cap", "none")
    assert create(operator, over)


def test_outflows_are_listed_with_their_orders(operator: Operator) -> None:
    order_id = paying_out(operator)
    create(operator, order_id)
    (one,) = operator.json("outflow", "list")
    assert (one["order_id"], one["kind"], one["asset"], one["tx_id"]) == (
        str(order_id),
        "payout",
        "usdt_trc20",
        None,
    )
