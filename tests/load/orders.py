"""What a partner knows of his orders, and what a response may not contradict."""

import threading
from collections.abc import Iterable
from typing import Any, Final

import msgspec

RANKS: Final = {"NEW": 0, "PENDING": 1, "EXCHANGE": 2, "DONE": 3}
FINAL: Final = 3
ADDRESSES: Final = (("from", "address"), ("from", "tag"), ("to", "address"), ("to", "tag"))
FIXED: Final[tuple[tuple[str, ...], ...]] = (
    *(("id",), ("type",), ("markupBps",), ("externalId",), ("time", "reg")),
    *(("from", "code"), ("to", "code"), ("back", "address")),
    *ADDRESSES,
)
AMOUNTS: Final[tuple[tuple[str, ...], ...]] = (
    ("from", "amount"),
    ("to", "amount"),
    ("rate",),
    ("networkFee",),
)
"""They change once: when the deposit is confirmed, a floating order is priced again."""


class KnownOrder(msgspec.Struct):
    """An order that was acknowledged, and what was seen of it since."""

    key: str
    acknowledged: dict[str, Any]
    sent_at: float
    deposits: int = 0
    """Requested deposits; more than one if the outcome of the first was unknown."""
    seen: list[tuple[float, int]] = []
    """When a higher status was received, and its rank."""
    settled: dict[str, Any] | None = None
    """The first document with the amounts of the confirmed deposit."""

    @property
    def id(self) -> str:
        return str(self.acknowledged["id"])

    def rank_before(self, moment: float) -> int:
        """Return the highest rank that was known at a time."""
        return max((rank for at, rank in self.seen if at < moment), default=0)


class KnownOrders:
    """The orders of a partner, by id and by Idempotency-Key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, KnownOrder] = {}
        self._keys: dict[str, KnownOrder] = {}
        self.repeated: list[str] = []
        """Keys for which another order was returned than before, or none of this partner's."""

    def all(self) -> list[KnownOrder]:
        with self._lock:
            return list(self._orders.values())

    def find(self, order_id: str) -> KnownOrder | None:
        with self._lock:
            return self._orders.get(order_id)

    def acknowledge(
        self, key: str, document: dict[str, Any], *, sent_at: float, received_at: float
    ) -> tuple[KnownOrder, str]:
        """Record the response of a create; return the order, and what it contradicts."""
        with self._lock:
            known = self._keys.get(key)
            if known is None:
                known = KnownOrder(key, document, sent_at)
                problem = f"two keys for order {known.id}" if known.id in self._orders else ""
                self._keys[key] = self._orders[known.id] = known
                return known, problem
            if known.id != document["id"]:
                self.repeated.append(key)
                return known, f"another order for the same key: {known.id}, {document['id']}"
        return known, self.observe(document, sent_at=sent_at, received_at=received_at)

    def observe(self, document: dict[str, Any], *, sent_at: float, received_at: float) -> str:
        """Record what a response shows of an order; return what it contradicts, or nothing.

        An order that is not known yet may be one whose acknowledgment is on its way.
        """
        known = self.find(document["id"])
        if known is None:
            return ""
        with self._lock:
            return _observe(known, document, sent_at, received_at)


def _observe(
    known: KnownOrder, document: dict[str, Any], sent_at: float, received_at: float
) -> str:
    rank = rank_of(document)
    if rank < known.rank_before(sent_at):
        return f"{known.id} went back to {document['status']}"
    if rank > known.rank_before(received_at):
        known.seen = [*known.seen, (received_at, rank)]
    changed = differing(document, known.acknowledged, FIXED)
    if rank < RANKS["EXCHANGE"]:
        changed += differing(document, known.acknowledged, AMOUNTS)
    elif known.settled is None:
        known.settled = document
        if known.deposits < 2:
            changed += differing(document, known.acknowledged, AMOUNTS[:1])
    else:
        changed += differing(document, known.settled, AMOUNTS)
    return f"{known.id} has changed: {', '.join('.'.join(path) for path in changed)}" * bool(
        changed
    )


def differing(
    one: dict[str, Any], other: dict[str, Any], paths: Iterable[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Return at which paths two documents differ."""
    return [path for path in paths if at(one, path) != at(other, path)]


def rank_of(document: dict[str, Any]) -> int:
    """Return how far an order is; other statuses than those of the usual course end it."""
    return RANKS.get(document["status"], FINAL)


def at(document: Any, path: tuple[str, ...]) -> Any:
    """Return what is in a document at a path."""
    for name in path:
        document = document[name]
    return document
