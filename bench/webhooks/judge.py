"""What a run came to: what was committed against what was received."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from bench.webhooks.world import World

EVENTS = """
SELECT id, order_id, position, body FROM webhook_events WHERE partner_id = ANY (%s)
"""


class Verdict(msgspec.Struct):
    """Figures of a run. Seconds are from the commit's return in the writer to the receiver."""

    events: int
    received: int
    missing: int
    repeated: int
    other_bytes: int
    out_of_order: int
    per_second: float
    p50_seconds: float
    p99_seconds: float
    most_seconds: float


class Receipt(msgspec.Struct, frozen=True):
    """A delivery as the receiver saw it."""

    at: float
    event_id: UUID
    digest: str
    order_id: UUID


def receipts(file: Path) -> list[Receipt]:
    """Return what the receiver has kept so far, in the order it came."""
    found = []
    for line in file.read_text().splitlines():
        at, _, event_id, digest, order_id, _ = line.split()
        found.append(Receipt(float(at), UUID(event_id), digest, UUID(order_id)))
    return found


def judge(world: World, partners: Collection[UUID], committed: Iterable[Path]) -> Verdict:
    """Compare the outbox, which is the truth, with the receiver's notes."""
    bodies: dict[UUID, str] = {}
    orders: dict[UUID, list[tuple[int, UUID]]] = defaultdict(list)
    for event_id, order_id, position, body in world.sql(EVENTS, list(partners)):
        assert isinstance(event_id, UUID)  # noqa: S101  as the table has it
        assert isinstance(order_id, UUID)  # noqa: S101  as above
        assert isinstance(position, int)  # noqa: S101  as above
        assert isinstance(body, bytes)  # noqa: S101  as above
        bodies[event_id] = hashlib.sha256(body).hexdigest()
        orders[order_id].append((position, event_id))
    came = [one for one in receipts(world.received_file) if one.event_id in bodies]
    times = Counter(one.event_id for one in came)
    first: dict[UUID, float] = {}
    for one in came:
        first.setdefault(one.event_id, one.at)
    waits = sorted(
        max(0.0, first[UUID(event_id)] - float(at))
        for file in committed
        for at, event_id in (line.split() for line in file.read_text().splitlines())
        if UUID(event_id) in first
    )
    span = max(first.values()) - min(first.values()) if len(first) > 1 else 1.0
    return Verdict(
        events=len(bodies),
        received=len(first),
        missing=len(bodies.keys() - first.keys()),
        repeated=sum(times.values()) - len(times),
        other_bytes=sum(one.digest != bodies[one.event_id] for one in came),
        out_of_order=sum(_is_out_of_order(events, first) for events in orders.values()),
        per_second=len(first) / span,
        p50_seconds=_percentile(waits, 50),
        p99_seconds=_percentile(waits, 99),
        most_seconds=waits[-1] if waits else 0.0,
    )


def _is_out_of_order(events: list[tuple[int, UUID]], first: dict[UUID, float]) -> bool:
    moments = [first[event_id] for _, event_id in sorted(events) if event_id in first]
    return moments != sorted(moments)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
