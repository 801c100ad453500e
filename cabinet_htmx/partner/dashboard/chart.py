"""The geometry of a bar chart, for a template to draw as SVG."""

from collections.abc import Sequence
from typing import Final

import msgspec

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT: Final = 58
RIGHT: Final = 22
TOP: Final = 14
BOTTOM: Final = 28
TARGET_LINES: Final = 4
MAX_LABELS: Final = 8
GAP: Final = 0.28
"""Share of a bar's slot that stays empty."""
MIN_BAR_HEIGHT: Final = 2.0


class Point(msgspec.Struct, frozen=True):
    """A value: its label on the axis, and its description for the tooltip."""

    label: str
    value: int
    description: str


class Bar(msgspec.Struct, frozen=True):
    """A bar and its slot, which reacts to the pointer."""

    x: float
    y: float
    width: float
    height: float
    slot_x: float
    slot_width: float
    description: str
    newest: bool


class Tick(msgspec.Struct, frozen=True):
    """A label on an axis."""

    at: float
    text: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Everything to be drawn, in coordinates of an image of `width` by `height`."""

    width: int
    height: int
    left: int
    right: int
    base: float
    bars: Sequence[Bar]
    lines: Sequence[Tick]
    labels: Sequence[Tick]


def bar_chart(points: Sequence[Point], *, unit: int = 1, prefix: str = "") -> Chart:
    """Return a chart; labels of the value axis are values in `unit`, after `prefix`."""
    highest = max((point.value for point in points), default=0)
    step = axis_step(highest, unit)
    lines = max(-(-highest // step), 1)
    base = HEIGHT - BOTTOM
    slot = (WIDTH - LEFT - RIGHT) / max(len(points), 1)
    scale = (base - TOP) / (lines * step)
    bars = [_bar(point, LEFT + number * slot, slot, scale) for number, point in enumerate(points)]
    if bars:
        bars[-1] = msgspec.structs.replace(bars[-1], newest=True)
    interval = -(-len(points) // MAX_LABELS) or 1
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        base=base,
        bars=bars,
        lines=[
            Tick(_rounded(base - line * step * scale), f"{prefix}{short(line * step // unit)}")
            for line in range(lines + 1)
        ],
        labels=[
            Tick(_rounded(LEFT + (number + 0.5) * slot), point.label)
            for number, point in enumerate(points)
            if (len(points) - 1 - number) % interval == 0
        ],
    )


def axis_step(highest: int, unit: int) -> int:
    """Return the distance between grid lines: 1, 2 or 5 times a power of ten, in whole units."""
    smallest = max(highest / TARGET_LINES / unit, 1)
    power = 1
    while power * 10 <= smallest:
        power *= 10
    return unit * next((n * power for n in (1, 2, 5) if n * power >= smallest), 10 * power)


def short(number: int) -> str:
    """Return an abbreviated number: 1500 is 1.5k, 2000000 is 2M."""
    for power, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= power:
            whole, tenths = divmod(number * 10 // power, 10)
            return f"{whole}{f'.{tenths}' if tenths else ''}{letter}"
    return str(number)


def _bar(point: Point, slot_x: float, slot: float, scale: float) -> Bar:
    height = max(point.value * scale, MIN_BAR_HEIGHT) if point.value > 0 else 0
    return Bar(
        x=_rounded(slot_x + slot * GAP / 2),
        y=_rounded(HEIGHT - BOTTOM - height),
        width=_rounded(slot * (1 - GAP)),
        height=_rounded(height),
        slot_x=_rounded(slot_x),
        slot_width=_rounded(slot),
        description=point.description,
        newest=False,
    )


def _rounded(coordinate: float) -> float:
    return round(coordinate, 1)
