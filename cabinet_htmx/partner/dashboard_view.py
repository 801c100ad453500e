"""What the dashboard shows: figures with their chart, budget, webhooks, what needs attention."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from cabinet_htmx.partner.chart import Chart, Point, bar_chart
from cabinet_htmx.shared.amounts import percent
from domain.actions.cabinet.queries import WeightUsed
from domain.cabinet.members import Member, Role
from domain.ledger.payout_details import PayoutPlan
from domain.ledger.payouts import Earnings
from domain.ledger.statistics import NOTHING, DayFigures, Figures, Step, grouped, total
from domain.money import USD_DECIMALS, format_usd, power_of_ten
from domain.partners.codes import ListedCode
from domain.partners.partner import Partner
from domain.webhooks.health import EndpointHealth

_USD: Final = power_of_ten(USD_DECIMALS)
COMPARED_DAYS: Final = 30
"""Figures of so many days are compared with as many days before."""
_PERIODS: Final = {
    Step.DAY: "the last 30 days",
    Step.WEEK: "the last 26 weeks",
    Step.MONTH: "the last 12 months",
}


class Metric(StrEnum):
    """What the chart is of."""

    ORDERS = "orders"
    VOLUME = "volume"
    EARNED = "earned"


_NAMES: Final = {Metric.ORDERS: "Orders", Metric.VOLUME: "Volume", Metric.EARNED: "Earned"}


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the period, which shows its chart when it is followed."""

    name: str
    value: str
    change: str | None
    rises: bool
    path: str
    current: bool


class ShownRow(msgspec.Struct, frozen=True):
    """A day, week or month of the table."""

    label: str
    orders: str
    volume: str
    earned: str


class Choice(msgspec.Struct, frozen=True):
    """A way to group, to choose."""

    label: str
    path: str
    current: bool


class Concern(msgspec.Struct, frozen=True):
    """Something that needs attention, and where to see to it."""

    text: str
    tone: str
    path: str | None = None
    link: str | None = None


class Budget(msgspec.Struct, frozen=True):
    """The weight budget of this minute; `share` is what is left in hundredths."""

    left: int
    budget: int
    share: int
    free_in_seconds: int


class DashboardView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template needs."""

    concerns: Sequence[Concern]
    tiles: Sequence[Tile]
    steps: Sequence[Choice]
    chart: Chart
    chart_title: str
    chart_text: str
    rows: Sequence[ShownRow]
    is_new: bool
    budget: Budget | None
    markup: str
    codes: int
    codes_enabled: int
    max_codes: int
    balance: str
    earned_of_all_time: str
    volume_of_all_time: str
    health: EndpointHealth
    has_url: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard was read from."""

    member: Member
    partner: Partner
    days: Sequence[DayFigures]
    earnings: Earnings
    codes: Sequence[ListedCode]
    health: EndpointHealth
    used: WeightUsed | None
    waiting: Sequence[UUID]
    plan: PayoutPlan
    today: date


def dashboard_view(facts: Facts, step: Step, metric: Metric) -> DashboardView:
    """Return the view; `step` groups the chart of `metric`."""
    groups = grouped(facts.days, step, facts.today)
    partner, earnings = facts.partner, facts.earnings
    return DashboardView(
        concerns=concerns(facts),
        tiles=[
            _tile(facts, groups, one, _path(step, one), current=one is metric) for one in Metric
        ],
        steps=[
            Choice(label, _path(one, metric), current=one is step)
            for one, label in ((Step.DAY, "Days"), (Step.WEEK, "Weeks"), (Step.MONTH, "Months"))
        ],
        chart=_chart(groups, step, metric),
        chart_title=f"{_NAMES[metric]} by {step.value}, {_PERIODS[step]}",
        chart_text=_described(groups, step, metric),
        rows=[_row(one, step) for one in reversed(groups)],
        is_new=not facts.days and earnings.volume == 0,
        budget=budget_of(partner.budget, facts.used),
        markup=percent(partner.markup_bps),
        codes=len(facts.codes),
        codes_enabled=sum(listed.code.enabled for listed in facts.codes),
        max_codes=partner.max_codes,
        balance=format_usd(earnings.balance),
        earned_of_all_time=format_usd(earnings.markup + earnings.base_fee_share),
        volume_of_all_time=format_usd(earnings.volume),
        health=facts.health,
        has_url=partner.webhook_url is not None,
    )


def concerns(facts: Facts) -> list[Concern]:
    """Return what needs attention, the most urgent first."""
    found = []
    if facts.waiting:
        number = len(facts.waiting)
        text = (
            "An order is in EMERGENCY and waits for a choice: its customer's money stands still."
            if number == 1
            else f"{_at_least(number, 100)} orders are in EMERGENCY and wait for a choice: their "
            "customers' money stands still."
        )
        link = "Look at it" if number == 1 else "Look at them"
        found.append(Concern(text, "bad", "/partner/orders?status=EMERGENCY", link))
    found += _webhook_concerns(facts)
    pending, current = facts.plan.pending, facts.plan.current
    is_owner = facts.member.role is Role.OWNER
    if pending is not None:
        text = (
            f"Payout details change soon: {pending.asked_by} has asked for it. If nobody of you "
            "has, an owner withdraws it, and everybody changes their password."
        )
        found.append(Concern(text, "warn", "/partner/payout-history/details", "Check the change"))
    elif current is None and facts.earnings.balance > 0:
        text = "You have earned money, and have not said yet where it should be sent."
        link = "Set payout details" if is_owner else "Payout details"
        found.append(Concern(text, "warn", "/partner/payout-history/details", link))
    return found


def _webhook_concerns(facts: Facts) -> list[Concern]:
    health, hooks = facts.health, "/partner/webhooks"
    if facts.partner.webhook_url is None:
        text = "There is no webhook URL, so your systems aren't told when orders change."
        return [Concern(text, "warn", hooks, "Set a URL")]
    found = []
    if health.gone_at is not None:
        text = "Your endpoint answered 410 Gone: no events are sent any more."
        found.append(Concern(text, "bad", hooks, "See to your webhooks"))
    elif health.open_since is not None:
        text = (
            "Your webhook endpoint keeps failing: its circuit is open, and only now and then an "
            "event is tried."
        )
        found.append(Concern(text, "bad", hooks, "See why"))
    elif health.waiting:
        number = _at_least(health.waiting, 1000)
        text = f"{number} event{'s wait' if health.waiting > 1 else ' waits'} for another attempt."
        found.append(Concern(text, "warn", hooks, "See the delivery log"))
    if health.dead:
        number = _at_least(health.dead, 1000)
        many = health.dead > 1
        text = (
            f"{number} event{'s were' if many else ' was'} given up within the last day. "
            f"{'They are' if many else 'It is'} kept and can be sent again."
        )
        link = "Send them again" if many else "Send it again"
        found.append(Concern(text, "bad", hooks, link))
    return found


def _tile(
    facts: Facts, groups: Sequence[DayFigures], metric: Metric, path: str, *, current: bool
) -> Tile:
    whole = sum((one.figures for one in groups), NOTHING)
    change = None
    if len(groups) == COMPARED_DAYS:
        until = groups[0].day - timedelta(days=1)
        before = total(facts.days, since=until - timedelta(days=COMPARED_DAYS - 1), until=until)
        change = _change(_of(whole, metric), _of(before, metric))
    return Tile(
        name=_NAMES[metric],
        value=_in_words(whole, metric),
        change=change,
        rises=change is not None and not change.startswith("-"),
        path=path,
        current=current,
    )


def _change(now: int, before: int) -> str | None:
    """Return by how much a figure has changed, in percent; None without one before."""
    if before == 0:
        return None
    percents = (now - before) * 100 // before
    return f"{percents:+d}%" if abs(percents) < 1000 else None


def _chart(groups: Sequence[DayFigures], step: Step, metric: Metric) -> Chart:
    points = [
        Point(
            _short_label(one.day, step),
            _of(one.figures, metric),
            f"{_label(one.day, step)}: {_in_words(one.figures, metric)}",
        )
        for one in groups
    ]
    if metric is Metric.ORDERS:
        return bar_chart(points)
    return bar_chart(points, unit=_USD, prefix="$")


def _described(groups: Sequence[DayFigures], step: Step, metric: Metric) -> str:
    best = max(groups, key=lambda one: _of(one.figures, metric))
    if _of(best.figures, metric) == 0:
        return "Nothing yet."
    whole = sum((one.figures for one in groups), NOTHING)
    return (
        f"{_in_words(whole, metric)} in all; most in one {step.value}: "
        f"{_in_words(best.figures, metric)}, {_label(best.day, step)}. All of it is in the table."
    )


def _row(one: DayFigures, step: Step) -> ShownRow:
    figures = one.figures
    return ShownRow(
        _label(one.day, step),
        f"{figures.orders:,}",
        format_usd(figures.volume),
        format_usd(figures.earned),
    )


def _of(figures: Figures, metric: Metric) -> int:
    return {
        Metric.ORDERS: figures.orders,
        Metric.VOLUME: figures.volume,
        Metric.EARNED: figures.earned,
    }[metric]


def _in_words(figures: Figures, metric: Metric) -> str:
    if metric is Metric.ORDERS:
        return f"{figures.orders:,}"
    whole, _, cents = format_usd(_of(figures, metric)).partition(".")
    return f"${int(whole):,}.{cents}"


def _label(day: date, step: Step) -> str:
    if step is Step.MONTH:
        return f"{day:%B %Y}"
    return f"{'week from ' if step is Step.WEEK else ''}{day.day} {day:%b %Y}"


def _short_label(day: date, step: Step) -> str:
    return f"{day:%b}" if step is Step.MONTH else f"{day.day} {day:%b}"


def budget_of(budget: int, used: WeightUsed | None) -> Budget | None:
    """Return what is left of a budget; None where that isn't known."""
    if used is None:
        return None
    left = max(budget - used.used, 0)
    return Budget(left, budget, left * 100 // max(budget, 1), -(-used.free_in_ms // 1000))


def _path(step: Step, metric: Metric) -> str:
    return f"/partner/dashboard?by={step.value}&show={metric.value}"


def _at_least(number: int, most: int) -> str:
    return f"{most} or more" if number >= most else str(number)
