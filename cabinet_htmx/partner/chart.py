"""A bar chart as the coordinates of its parts, for a template to draw as SVG."""

from collections.abc import Sequence
from typing import Final

import msgspec

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT: Final = 58
RIGHT: Final = 22
TOP: Final = 14
BOTTOM: Final = 28
LINES: Final = 4
MAX_LABELS: Final = 8
GAP: Final = 0.28
"""Of a bar's place so much stays free."""


class Point(msgspec.Struct, frozen=True):
    """A value to draw: its name on the axis, and all of it in words."""

    label: str
    value: int
    words: str


class Bar(msgspec.Struct, frozen=True):
    """A bar, and the place it stands in, which is what the pointer finds."""

    x: float
    y: float
    width: float
    height: float
    place_x: float
    place_width: float
    words: str
    newest: bool


class Tick(msgspec.Struct, frozen=True):
    """A text at an axis."""

    at: float
    text: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn. Coordinates are of a picture `width` by `height`."""

    width: int
    height: int
    left: int
    right: int
    base: float
    bars: Sequence[Bar]
    lines: Sequence[Tick]
    labels: Sequence[Tick]


def bar_chart(points: Sequence[Point], *, unit: int = 1, prefix: str = "") -> Chart:
    """Return the chart of values; axis texts are values over `unit`, after `prefix`."""
    step = axis_step(max((point.value for point in points), default=0), unit)
    lines = max(-(-max((point.value for point in points), default=0) // step), 1)
    top, base = TOP, HEIGHT - BOTTOM
    room = (WIDTH - LEFT - RIGHT) / max(len(points), 1)
    scale = (base - top) / (lines * step)
    bars = [_bar(point, number, room, scale, base) for number, point in enumerate(points)]
    if bars:
        bars[-1] = msgspec.structs.replace(bars[-1], newest=True)
    every = -(-len(points) // MAX_LABELS) or 1
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        base=base,
        bars=bars,
        lines=[
            Tick(_place(base - line * step * scale), f"{prefix}{short(line * step // unit)}")
            for line in range(lines + 1)
        ],
        labels=[
            Tick(_place(LEFT + (number + 0.5) * room), point.label)
            for number, point in enumerate(points)
            if (len(points) - 1 - number) % every == 0
        ],
    )


def axis_step(highest: int, unit: int) -> int:
    """Return the distance between lines: 1, 2 or 5 times a power of ten, in whole units."""
    least = max(highest / LINES / unit, 1)
    power = 1
    while power * 10 <= least:
        power *= 10
    return unit * next((many * power for many in (1, 2, 5) if many * power >= least), 10 * power)


def short(number: int) -> str:
    """Return a whole number for an axis: 1500 is 1.5k, 2000000 is 2M."""
    for power, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= power:
            whole, rest = divmod(number * 10 // power, 10)
            return f"{whole}{f'.{rest}' if rest else ''}{letter}"
    return str(number)


def _bar(point: Point, number: int, room: float, scale: float, base: float) -> Bar:
    height = point.value * scale
    if point.value > 0:
        height = max(height, 2.0)
    place = LEFT + number * room
    return Bar(
        x=_place(place + room * GAP / 2),
        y=_place(base - height),
        width=_place(room * (1 - GAP)),
        height=_place(height),
        place_x=_place(place),
        place_width=_place(room),
        words=point.words,
        newest=False,
    )


def _place(coordinate: float) -> float:
    return round(coordinate, 1)
