"""What a load reports about the events that its webhook receivers got."""

import json

from tests.load.events import Events, compare
from tests.support.builders.order_documents import order
from tests.support.servers.webhook_receiver import Delivery

STATUSES = ("PENDING", "EXCHANGE", "DONE")
DONE = {"one": order(status="DONE")}


def delivery(status: str, event_id: str = "", **changes: str) -> Delivery:
    event = {"event": "order.status_changed", "order": order(status=status, **changes), "ts": 1}
    return Delivery(event_id or f"id-{status}", json.dumps(event).encode(), 0.0)


def complete() -> list[Delivery]:
    return [delivery(status) for status in STATUSES]


def test_an_event_for_each_change_is_exact() -> None:
    assert compare(complete(), DONE) == Events(received=3)
    assert compare([], {"one": order()}) == Events(), "nothing has changed yet"


def test_every_missing_event_is_reported() -> None:
    for number, status in enumerate(STATUSES):
        deliveries = complete()
        del deliveries[number]
        found = compare(deliveries, DONE)
        assert found.lost == [f"one {status}"]
        assert found.wrong == 1


def test_a_delivery_of_the_same_event_again_is_permitted_and_counted() -> None:
    found = compare([*complete(), delivery("DONE")], DONE)
    assert (found.received, found.redelivered, found.wrong) == (3, 1, 0)


def test_a_changed_byte_is_reported() -> None:
    again = delivery("DONE")
    deliveries = [*complete(), Delivery(again.event_id, again.body + b" ", 0.0)]
    found = compare(deliveries, DONE)
    assert found.changed == ["id-DONE: other bytes"]
    assert found.wrong == 1


def test_an_event_with_other_amounts_than_its_order_is_reported() -> None:
    deliveries = [*complete()[:2], delivery("DONE", to__amount="1.000000")]
    assert compare(deliveries, DONE).changed == ["one DONE: other amounts"]


def test_the_same_change_with_another_id_is_reported() -> None:
    found = compare([*complete(), delivery("DONE", "another")], DONE)
    assert found.repeated == ["one DONE"]
    assert found.wrong == 1


def test_events_in_another_sequence_are_reported() -> None:
    pending, exchange, done = complete()
    assert compare([exchange, pending, done], DONE).out_of_sequence != []


def test_events_of_unknown_orders_and_forged_ones_are_reported() -> None:
    found = compare([*complete(), delivery("NEW", id="two")], DONE, forged=2)
    assert found.unknown == ["two NEW"]
    assert found.wrong == 3


def test_counts_of_several_partners_add_up() -> None:
    lost = compare(complete()[:1], DONE)
    assert (lost + lost).lost == [*lost.lost, *lost.lost]
    assert (lost + Events(received=4)).received == 5
