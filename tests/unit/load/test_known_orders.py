"""What a load reports when a response contradicts an earlier one."""

from typing import Any

import pytest

from tests.load.orders import KnownOrder, KnownOrders
from tests.load.outcome import compare_orders
from tests.support.builders.order_documents import order

KEY = "a key"


@pytest.fixture
def known() -> KnownOrders:
    """An order that was acknowledged at 1.0, and whose deposit was requested once."""
    orders = KnownOrders()
    found, problem = orders.acknowledge(KEY, order(), sent_at=0.0, received_at=1.0)
    assert not problem
    found.deposits = 1
    return orders


def observe(known: KnownOrders, document: dict[str, Any], *, sent_at: float = 10.0) -> str:
    return known.observe(document, sent_at=sent_at, received_at=sent_at + 1)


def the_order(known: KnownOrders) -> KnownOrder:
    (found,) = known.all()
    return found


def test_the_usual_course_of_an_order_contradicts_nothing(known: KnownOrders) -> None:
    repriced = {"rate": "62000.00000000", "to__amount": "618.800000"}
    assert not observe(known, order(time__left=3))
    assert not observe(known, order(status="PENDING"), sent_at=20)
    for number, status in enumerate(("EXCHANGE", "DONE", "DONE")):
        assert not observe(known, order(status=status, **repriced), sent_at=30 + number * 10)
    assert compare_orders(known, [order(status="DONE", **repriced)]).wrong == 0


@pytest.mark.parametrize(
    "change",
    [
        *("from__address", "from__code", "to__address", "to__tag", "back__address", "externalId"),
        *("from__amount", "to__amount", "rate", "networkFee", "markupBps", "time__reg"),
    ],
)
def test_any_fact_of_an_acknowledged_order_that_changes_is_reported(
    known: KnownOrders, change: str
) -> None:
    changed = order(**{change: "another"})
    assert "has changed" in observe(known, changed)
    assert len(compare_orders(known, [changed]).changed) == 1


@pytest.mark.parametrize("change", ["from__amount", "to__amount", "rate", "networkFee"])
def test_amounts_change_once_only(known: KnownOrders, change: str) -> None:
    assert not observe(known, order(status="EXCHANGE", rate="62000.00000000"))
    assert "has changed" in observe(known, order(status="DONE", **{change: "1"}), sent_at=20)


def test_the_amount_that_was_sent_is_that_of_the_order(known: KnownOrders) -> None:
    twice = order(status="EXCHANGE", from__amount="0.02000000")
    assert "from.amount" in observe(known, twice)


def test_the_amount_may_be_another_after_two_requests_for_a_deposit(known: KnownOrders) -> None:
    the_order(known).deposits = 2
    assert not observe(known, order(status="EXCHANGE", from__amount="0.02000000"))


def test_a_status_that_goes_back_is_reported(known: KnownOrders) -> None:
    assert not observe(known, order(status="EXCHANGE"), sent_at=10)
    assert "went back to PENDING" in observe(known, order(status="PENDING"), sent_at=20)


def test_a_response_that_overtakes_another_has_not_gone_back(known: KnownOrders) -> None:
    assert not observe(known, order(status="EXCHANGE"), sent_at=10)
    assert not observe(known, order(status="PENDING"), sent_at=10.5), "before that was received"


def test_another_order_for_the_same_key_is_reported(known: KnownOrders) -> None:
    _, problem = known.acknowledge(KEY, order("two"), sent_at=10.0, received_at=11.0)
    assert "another order for the same key" in problem
    stored = [order(), order("two")]
    assert sorted(compare_orders(known, stored).doubled) == [KEY, "two"]


def test_the_same_order_for_another_key_is_reported(known: KnownOrders) -> None:
    _, problem = known.acknowledge("another", order(), sent_at=10.0, received_at=11.0)
    assert "two keys" in problem


def test_a_lost_order_is_reported(known: KnownOrders) -> None:
    found = compare_orders(known, [])
    assert found.lost == ["one"]
    assert found.wrong == 1


def test_an_order_that_nobody_has_requested_is_reported(known: KnownOrders) -> None:
    stored = [order(status="DONE"), order("two")]
    assert compare_orders(known, stored).doubled == ["two"]


def test_two_orders_with_one_pay_in_address_are_reported(known: KnownOrders) -> None:
    known.acknowledge("another", order("two", from__address="in-one"), sent_at=2, received_at=3)
    stored = [order(status="DONE"), order("two", from__address="in-one")]
    found = compare_orders(known, stored)
    assert found.shared_addresses == 1
    assert found.wrong == 1


def test_an_order_whose_deposit_is_not_settled_is_reported(known: KnownOrders) -> None:
    assert compare_orders(known, [order(status="PENDING")]).unsettled == ["one"]
