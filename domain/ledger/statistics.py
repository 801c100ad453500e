"""A partner's daily figures, and their sums by day, week and month (UTC)."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import msgspec


class Figures(msgspec.Struct, frozen=True):
    """Orders opened, orders completed, and sums in 10^-18 USD.

    An order counts on the day it was opened, money on the day it was posted. `earned` is the sum of
    markup and base fee share.
    """

    orders: int = 0
    completed: int = 0
    volume: int = 0
    earned: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        """Return the sums of both."""
        return Figures(
            self.orders + other.orders,
            self.completed + other.completed,
            self.volume + other.volume,
            self.earned + other.earned,
        )


class DayFigures(msgspec.Struct, frozen=True):
    """The figures of a day, or of the group that starts on it."""

    day: date
    figures: Figures


class Step(StrEnum):
    """The length of a group; weeks start on Mondays."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


SHOWN: Final = {Step.DAY: 30, Step.WEEK: 26, Step.MONTH: 12}
"""Number of groups shown, including the current one."""
NOTHING: Final = Figures()


def first_day(step: Step, today: date) -> date:
    """Return the first day that is shown."""
    begin = begin_of(step, today)
    for _ in range(SHOWN[step] - 1):
        begin = begin_of(step, begin - timedelta(days=1))
    return begin


def begin_of(step: Step, day: date) -> date:
    """Return the first day of a day's group."""
    if step is Step.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step is Step.MONTH else day


def grouped(days: Sequence[DayFigures], step: Step, today: date) -> list[DayFigures]:
    """Return the sum of each group shown, oldest first, including empty ones."""
    sums: dict[date, Figures] = {}
    begin = first_day(step, today)
    while begin <= today:
        sums[begin] = NOTHING
        begin = _next(step, begin)
    for one in days:
        group = begin_of(step, one.day)
        if group in sums:
            sums[group] += one.figures
    return [DayFigures(day, figures) for day, figures in sums.items()]


def total(days: Sequence[DayFigures], *, since: date, until: date) -> Figures:
    """Return the sums of the days from `since` to `until`, both included."""
    return sum((one.figures for one in days if since <= one.day <= until), NOTHING)


def _next(step: Step, begin: date) -> date:
    return begin_of(step, begin + timedelta(days={Step.DAY: 1, Step.WEEK: 7, Step.MONTH: 31}[step]))
