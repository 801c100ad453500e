"""What a partner's webhook receiver got, compared with what the orders require."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from tests.load.orders import AMOUNTS, RANKS, differing, rank_of
from tests.support.servers.webhook_receiver import Delivery

EXPECTED: Final = {
    "NEW": (),
    "PENDING": ("PENDING",),
    "EXCHANGE": ("PENDING", "EXCHANGE"),
    "DONE": ("PENDING", "EXCHANGE", "DONE"),
}
"""The events of an order by its status: one for each change."""
CHANGED: Final = "order.status_changed"


C = TypeVar("C", bound=msgspec.Struct)


def added(one: C, other: C) -> C:
    """Return a struct of the sums of all fields: numbers, and lists."""
    fields = one.__struct_fields__
    return type(one)(**{name: getattr(one, name) + getattr(other, name) for name in fields})


class Events(msgspec.Struct, frozen=True, rename="camel"):
    """Events that were received once, and what must not be; `redelivered` is permitted."""

    received: int = 0
    redelivered: int = 0
    lost: list[str] = []
    repeated: list[str] = []
    """Of the same change, with another id."""
    changed: list[str] = []
    """With other bytes than before, or other amounts than the order."""
    out_of_sequence: list[str] = []
    unknown: list[str] = []
    """Of no order that was acknowledged."""
    forged: int = 0

    def __add__(self, other: "Events") -> "Events":
        return added(self, other)

    @property
    def wrong(self) -> int:
        kinds = (self.lost, self.repeated, self.changed, self.out_of_sequence, self.unknown)
        return sum(map(len, kinds)) + self.forged


def compare(
    deliveries: Iterable[Delivery],
    orders: Mapping[str, dict[str, Any]],
    *,
    forged: int = 0,
) -> Events:
    """Compare deliveries, in the sequence of their arrival, with orders as they are now."""
    bodies: dict[str, bytes] = {}
    found = Events(forged=forged)
    redelivered = 0
    statuses: dict[str, list[str]] = defaultdict(list)
    for one in deliveries:
        if one.event_id in bodies:
            redelivered += 1
            if bodies[one.event_id] != one.body:
                found.changed.append(f"{one.event_id}: other bytes")
            continue
        bodies[one.event_id] = one.body
        document = json.loads(one.body)
        if document["event"] != CHANGED:
            continue
        reported = document["order"]
        order = orders.get(reported["id"])
        if order is None:
            found.unknown.append(f"{reported['id']} {reported['status']}")
            continue
        if reported["status"] in statuses[order["id"]]:
            found.repeated.append(f"{order['id']} {reported['status']}")
        statuses[order["id"]].append(reported["status"])
        if has_its_amounts(reported, order) and differing(reported, order, AMOUNTS):
            found.changed.append(f"{order['id']} {reported['status']}: other amounts")
    for order_id, order in orders.items():
        received = statuses[order_id]
        missing = [one for one in EXPECTED.get(order["status"], ()) if one not in received]
        found.lost.extend(f"{order_id} {one}" for one in missing)
        if received != sorted(received, key=lambda one: RANKS.get(one, len(RANKS))):
            found.out_of_sequence.append(f"{order_id} {received}")
    return msgspec.structs.replace(found, received=len(bodies), redelivered=redelivered)


def has_its_amounts(reported: dict[str, Any], order: dict[str, Any]) -> bool:
    """Return whether both are from after the deposit was confirmed, or both from before."""
    confirmed = RANKS["EXCHANGE"]
    return (rank_of(reported) >= confirmed) == (rank_of(order) >= confirmed)
