"""The result of a run: committed events compared with received ones."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from bench.webhooks.world import World
from persistence.postgres.webhooks.bodies import original_body

EVENTS = """
SELECT id, order_id, position, body FROM webhook_events WHERE partner_id = ANY (%s)
"""


class RunResult(msgspec.Struct):
    """Figures of a run. Seconds count from the return of the commit to the receiver.

    `altered` deliveries have another body than the event.
    """

    events: int
    received: int
    missing: int
    repeated: int
    altered: int
    out_of_order: int
    per_second: float
    p50_seconds: float
    p99_seconds: float
    max_seconds: float


class Receipt(msgspec.Struct, frozen=True):
    """A delivery as recorded by the receiver."""

    at: float
    event_id: UUID
    digest: str
    order_id: UUID


def receipts(file: Path) -> list[Receipt]:
    """Return the deliveries recorded so far, in the sequence of arrival."""
    deliveries = []
    for line in file.read_text().splitlines():
        at, _, event_id, digest, order_id, _ = line.split()
        deliveries.append(Receipt(float(at), UUID(event_id), digest, UUID(order_id)))
    return deliveries


def compare(world: World, partners: Collection[UUID], committed: Iterable[Path]) -> RunResult:
    """Compare the events of the outbox with what the receiver recorded."""
    bodies: dict[UUID, str] = {}
    orders: dict[UUID, list[tuple[int, UUID]]] = defaultdict(list)
    for event_id, order_id, position, body in world.sql(EVENTS, list(partners)):
        assert isinstance(event_id, UUID)  # noqa: S101  the type of the column
        assert isinstance(order_id, UUID)  # noqa: S101  as above
        assert isinstance(position, int)  # noqa: S101  as above
        assert isinstance(body, bytes)  # noqa: S101  as above
        bodies[event_id] = hashlib.sha256(original_body(body)).hexdigest()
        orders[order_id].append((position, event_id))
    deliveries = [one for one in receipts(world.received_file) if one.event_id in bodies]
    deliveries_per_event = Counter(one.event_id for one in deliveries)
    first: dict[UUID, float] = {}
    for one in deliveries:
        first.setdefault(one.event_id, one.at)
    latencies = sorted(
        max(0.0, first[UUID(event_id)] - float(at))
        for file in committed
        for at, event_id in (line.split() for line in file.read_text().splitlines())
        if UUID(event_id) in first
    )
    span = max(first.values()) - min(first.values()) if len(first) > 1 else 1.0
    return RunResult(
        events=len(bodies),
        received=len(first),
        missing=len(bodies.keys() - first.keys()),
        repeated=sum(deliveries_per_event.values()) - len(deliveries_per_event),
        altered=sum(one.digest != bodies[one.event_id] for one in deliveries),
        out_of_order=sum(_is_out_of_order(events, first) for events in orders.values()),
        per_second=len(first) / span,
        p50_seconds=_percentile(latencies, 50),
        p99_seconds=_percentile(latencies, 99),
        max_seconds=latencies[-1] if latencies else 0.0,
    )


def _is_out_of_order(events: list[tuple[int, UUID]], first: dict[UUID, float]) -> bool:
    moments = [first[event_id] for _, event_id in sorted(events) if event_id in first]
    return moments != sorted(moments)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
