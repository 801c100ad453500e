"""Orders, volume and earnings by day, week or month: tiles, a chart and a table."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from cabinet_htmx.partner.dashboard.chart import Chart, Point, bar_chart
from cabinet_htmx.shared.amounts import usd
from domain.ledger.statistics import NOTHING, DayFigures, Figures, Step, total
from domain.money import USD_DECIMALS, format_usd, power_of_ten

COMPARED_DAYS: Final = 30
"""The figures of this many days are compared with those of as many days before."""
MAX_CHANGE: Final = 1_000
"""Larger changes, in percent, say nothing and are not shown."""

_USD: Final = power_of_ten(USD_DECIMALS)
_PERIODS: Final = {
    Step.DAY: "last 30 days",
    Step.WEEK: "last 26 weeks",
    Step.MONTH: "last 12 months",
}


class Metric(StrEnum):
    """What the chart shows."""

    ORDERS = "orders"
    VOLUME = "volume"
    EARNED = "earned"


_NAMES: Final = {Metric.ORDERS: "Orders", Metric.VOLUME: "Volume", Metric.EARNED: "Earnings"}


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the period, linked to its chart."""

    name: str
    value: str
    change: str | None
    is_increase: bool
    path: str
    current: bool


class FiguresRow(msgspec.Struct, frozen=True):
    """A day, week or month of the table."""

    label: str
    orders: str
    volume: str
    earned: str


class Grouping(msgspec.Struct, frozen=True):
    """A selectable grouping: by day, week or month."""

    label: str
    path: str
    current: bool


def groupings(current: Step, metric: Metric) -> list[Grouping]:
    """Return the groupings, which keep the chart's metric."""
    labels = ((Step.DAY, "Days"), (Step.WEEK, "Weeks"), (Step.MONTH, "Months"))
    return [Grouping(label, _path(step, metric), current=step is current) for step, label in labels]


def tiles(
    days: Sequence[DayFigures], groups: Sequence[DayFigures], step: Step, metric: Metric
) -> list[Tile]:
    """Return one tile per metric; by day, with the change from the previous period."""
    return [_tile(days, groups, one, _path(step, one), current=one is metric) for one in Metric]


def chart_title(step: Step, metric: Metric) -> str:
    """Return the title of the chart."""
    return f"{_NAMES[metric]} by {step.value}, {_PERIODS[step]}"


def chart_description(groups: Sequence[DayFigures], step: Step, metric: Metric) -> str:
    """Return the chart's content in words, for screen readers."""
    best = max(groups, key=lambda one: _value(one.figures, metric))
    if _value(best.figures, metric) == 0:
        return "No data yet."
    sum_of_all = sum((one.figures for one in groups), NOTHING)
    return (
        f"Total: {_formatted(sum_of_all, metric)}. Highest {step.value}: "
        f"{_formatted(best.figures, metric)}, {_label(best.day, step)}. "
        "All values are in the table."
    )


def figures_chart(groups: Sequence[DayFigures], step: Step, metric: Metric) -> Chart:
    """Return the chart."""
    points = [
        Point(
            _short_label(one.day, step),
            _value(one.figures, metric),
            f"{_label(one.day, step)}: {_formatted(one.figures, metric)}",
        )
        for one in groups
    ]
    if metric is Metric.ORDERS:
        return bar_chart(points)
    return bar_chart(points, unit=_USD, prefix="$")


def figures_row(group: DayFigures, step: Step) -> FiguresRow:
    """Return a row of the table."""
    figures = group.figures
    return FiguresRow(
        _label(group.day, step),
        f"{figures.orders:,}",
        format_usd(figures.volume),
        format_usd(figures.earned),
    )


def _tile(
    days: Sequence[DayFigures],
    groups: Sequence[DayFigures],
    metric: Metric,
    path: str,
    *,
    current: bool,
) -> Tile:
    sum_of_all = sum((one.figures for one in groups), NOTHING)
    change = None
    if len(groups) == COMPARED_DAYS:
        until = groups[0].day - timedelta(days=1)
        previous = total(days, since=until - timedelta(days=COMPARED_DAYS - 1), until=until)
        change = _change(_value(sum_of_all, metric), _value(previous, metric))
    return Tile(
        name=_NAMES[metric],
        value=_formatted(sum_of_all, metric),
        change=change,
        is_increase=change is not None and not change.startswith("-"),
        path=path,
        current=current,
    )


def _change(now: int, before: int) -> str | None:
    """Return the change in percent; None without a previous value, or beyond MAX_CHANGE."""
    if before == 0:
        return None
    change = (now - before) * 100 // before
    return f"{change:+d}%" if abs(change) < MAX_CHANGE else None


def _value(figures: Figures, metric: Metric) -> int:
    return {
        Metric.ORDERS: figures.orders,
        Metric.VOLUME: figures.volume,
        Metric.EARNED: figures.earned,
    }[metric]


def _formatted(figures: Figures, metric: Metric) -> str:
    if metric is Metric.ORDERS:
        return f"{figures.orders:,}"
    return usd(format_usd(_value(figures, metric)))


def _label(day: date, step: Step) -> str:
    if step is Step.MONTH:
        return f"{day:%B %Y}"
    return f"{'Week of ' if step is Step.WEEK else ''}{day.day} {day:%b %Y}"


def _short_label(day: date, step: Step) -> str:
    return f"{day:%b}" if step is Step.MONTH else f"{day.day} {day:%b}"


def _path(step: Step, metric: Metric) -> str:
    return f"/partner/dashboard?by={step.value}&show={metric.value}"
