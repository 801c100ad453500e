"""What is left of all orders after a load, compared with what their partners know."""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from tests.load.client import Client
from tests.load.events import Events, added, compare
from tests.load.orders import KnownOrders
from tests.load.partner import DONE, LoadPartner
from tests.support.waiting import wait_until

PATH: Final = "/v1/orders"
PAGE: Final = 100
SETTLING_SECONDS: Final = 120.0


class Orders(msgspec.Struct, frozen=True, rename="camel"):
    """Orders that were acknowledged, and what must not be."""

    acknowledged: int = 0
    lost: list[str] = []
    doubled: list[str] = []
    """That nobody has acknowledged, and more for a key than one."""
    changed: list[str] = []
    shared_addresses: int = 0
    unsettled: list[str] = []
    """With a deposit, and not complete."""

    @property
    def wrong(self) -> int:
        found = (self.lost, self.doubled, self.changed, self.unsettled)
        return sum(map(len, found)) + self.shared_addresses

    def __add__(self, other: "Orders") -> "Orders":
        return added(self, other)


def compare_orders(known: KnownOrders, documents: Iterable[dict[str, Any]]) -> Orders:
    """Compare what a partner knows with all orders that he has now."""
    stored = {document["id"]: document for document in documents}
    orders = known.all()
    now = time.monotonic()
    found = Orders(
        acknowledged=len(orders),
        lost=[one.id for one in orders if one.id not in stored],
        doubled=[*(stored.keys() - {one.id for one in orders}), *known.repeated],
        shared_addresses=len(stored) - len({one["from"]["address"] for one in stored.values()}),
    )
    for one in orders:
        document = stored.get(one.id)
        if document is not None:
            problem = known.observe(document, sent_at=now, received_at=now)
            found.changed.extend([problem] * bool(problem))
            found.unsettled.extend([one.id] * bool(one.deposits and document["status"] != DONE))
    return found


def outcome(partners: Iterable[LoadPartner], tls: ssl.SSLContext | None) -> tuple[Orders, Events]:
    """Wait until everything is complete, as long as it may take; return what was found."""
    orders, events = Orders(), Events()
    for partner in partners:
        reader = _Reader(partner, tls)
        with suppress(AssertionError):  # what is missing is counted below
            wait_until(reader.is_complete, seconds=SETTLING_SECONDS)
        documents = reader.documents()
        orders += compare_orders(partner.orders, documents)
        events += compare(
            partner.receiver.deliveries,
            {one["id"]: one for one in documents},
            forged=len(partner.receiver.forged),
        )
        reader.close()
    return orders, events


class _Reader:
    """Reads all orders of a partner."""

    def __init__(self, partner: LoadPartner, tls: ssl.SSLContext | None) -> None:
        self._partner = partner
        self._client = Client(partner.api.base_url, tls)

    def is_complete(self) -> bool:
        documents = self.documents()
        time.sleep(0.5)
        events = compare(self._partner.receiver.deliveries, {one["id"]: one for one in documents})
        return not (compare_orders(self._partner.orders, documents).unsettled or events.lost)

    def documents(self) -> list[dict[str, Any]]:
        return list(self._pages())

    def _pages(self) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            request = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
            body = msgspec.json.encode(request)
            reply = self._client.call(PATH, body, self._partner.api.v2_headers(PATH, body))
            assert reply.code == 0, reply
            yield from reply.data["orders"]
            cursor = reply.data["cursor"]
            if cursor is None:
                return

    def close(self) -> None:
        self._client.close()
