"""The performance goals, and whether a run has reached them."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from bench.limits import memory, plan
from bench.report import Report, Row

Value = Callable[[Report], float | None]


class Goal(msgspec.Struct, frozen=True):
    """A figure with its minimum or maximum."""

    name: str
    value: Value
    minimum: float | None = None
    maximum: float | None = None

    def is_met(self, value: float) -> bool:
        """Return whether a value meets the goal."""
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    def target(self) -> str:
        """Return the goal in words."""
        if self.minimum is not None:
            return f"at least {self.minimum:,g}"
        return f"at most {self.maximum:,g}" if self.maximum is not None else "-"


def _over(name: str, base: str, figure: str = "rps") -> Value:
    return lambda report: report.ratio(name, base, figure)


def _discovery(path: str) -> Value:
    def value(report: Report) -> float | None:
        row = report.row(f"ours: unsigned {path}")
        return report.ratio(row.name, row.base) if row and row.base else None

    return value


def _max_creates(report: Report) -> float | None:
    rows = [report.row(name) for name in (plan.CREATES, plan.CREATES_TWO_WORKERS)]
    return max((row.median("rps") for row in rows if row), default=None)


def _worst(report: Report) -> float | None:
    row = report.row(plan.OPEN_OURS)
    return max(row.values("worst")) if row else None


def _scaling(report: Report) -> float | None:
    """Return the rate of two workers over that of one, with the load generator's share added.

    Two workers leave no core idle: if the generator ran elsewhere, they could use its share of the
    two cores. One worker leaves capacity idle, so nothing is added for it.
    """
    ratio, row = report.ratio(plan.TWO_WORKERS, plan.ONE_WORKER), report.row(plan.TWO_WORKERS)
    if ratio is None or row is None:
        return None
    return ratio * 2 / (2 - min(row.median("load_cores"), 1.0))


def _memory(figure: Callable[[Row], float]) -> Value:
    def value(report: Report) -> float | None:
        row = report.row(memory.MEMORY)
        return figure(row) if row else None

    return value


GOALS: Final = (
    Goal("signed quote / bare, both SCHED_BATCH", _over(plan.QUOTE_SIGNED, plan.BARE_BATCH), 0.60),
    Goal("signed quote / bare, default policy", _over(plan.QUOTE_SIGNED, plan.BARE), 1.3),
    Goal("signed quote / FastAPI peer", _over(plan.QUOTE_SIGNED, plan.QUOTE_FASTAPI), 6.0),
    Goal("signed quote / Go peer", _over(plan.QUOTE_SIGNED, plan.QUOTE_GO), 1.0),
    Goal(
        "CPU of a signed quote / of bare, both SCHED_BATCH",
        _over(plan.QUOTE_SIGNED, plan.BARE_BATCH, "cpu_us"),
    ),
    Goal("signed quote of version 1 / of version 2", _over(plan.QUOTE_V1, plan.QUOTE_SIGNED)),
    Goal(
        "CPU of a quote of version 1 / of version 2",
        _over(plan.QUOTE_V1, plan.QUOTE_SIGNED, "cpu_us"),
    ),
    Goal("currencies / bare with its bytes", _discovery("/v1/currencies"), 0.90),
    Goal("pairs / bare with its bytes", _discovery("/v1/pairs"), 0.90),
    Goal("unsigned quote / bare with its bytes", _discovery("/v1/price"), 0.70),
    Goal("order / bare, both SCHED_BATCH", _over("ours: /v1/order", plan.BARE_BATCH), 0.35),
    Goal("durable creates per second, two cores", _max_creates, 3000),
    Goal(
        "p50 of a single create / ungrouped",
        _over(plan.CREATE_LONE, plan.CREATE_LONE_UNGROUPED, "p50"),
        maximum=1.2,
    ),
    Goal("two workers / one, with the load generator's share", _scaling, 1.6),
    Goal(
        "open loop at half rate: p99 / bare's p99",
        _over(plan.OPEN_OURS, plan.OPEN_BARE, "p99"),
        maximum=3.0,
    ),
    Goal("open loop: slowest response, ms", _worst, maximum=50.0),
    Goal("memory of a worker, MB", _memory(memory.maximum), maximum=120.0),
    Goal(
        "growth of memory from second to last quarter, %",
        _memory(memory.growth_percent),
        maximum=2.0,
    ),
)


def judged(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, value, target and verdict of each goal for which the run has a figure."""
    for goal in GOALS:
        value = goal.value(report)
        if value is None:
            continue
        verdict = "yes" if goal.is_met(value) else "NO"
        target = goal.target()
        yield goal.name, f"{value:,.2f}", target, "" if target == "-" else verdict
