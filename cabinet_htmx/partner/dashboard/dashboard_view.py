"""The dashboard: alerts, figures, balance, API rate limit, markup and webhooks."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from cabinet_htmx.partner.dashboard.attention import (
    Alert,
    order_alerts,
    payout_alerts,
    webhook_alerts,
)
from cabinet_htmx.partner.dashboard.chart import Chart
from cabinet_htmx.partner.dashboard.figures import (
    FiguresRow,
    Grouping,
    Metric,
    Tile,
    chart_description,
    chart_title,
    figures_chart,
    figures_row,
    groupings,
    tiles,
)
from cabinet_htmx.shared.amounts import percent
from domain.actions.cabinet.queries import WeightUsed
from domain.cabinet.members import Member
from domain.ledger.earnings import Earnings
from domain.ledger.payout_details import PayoutPlan
from domain.ledger.statistics import DayFigures, Step, grouped
from domain.money import format_usd
from domain.partners.codes import ListedCode
from domain.partners.partner import Partner
from domain.webhooks.health import EndpointHealth


class RateLimitView(msgspec.Struct, frozen=True):
    """The weight left in the last minute; `percent_left` is of the budget."""

    left: int
    budget: int
    percent_left: int
    resets_in_seconds: int


class DashboardView(msgspec.Struct, frozen=True, kw_only=True):
    """Context of the template."""

    alerts: Sequence[Alert]
    tiles: Sequence[Tile]
    groupings: Sequence[Grouping]
    chart: Chart
    chart_title: str
    chart_description: str
    rows: Sequence[FiguresRow]
    is_new: bool
    rate_limit: RateLimitView | None
    markup: str
    codes: int
    codes_enabled: int
    max_codes: int
    balance: str
    total_earnings: str
    total_volume: str
    health: EndpointHealth
    has_url: bool


class DashboardData(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard is computed from."""

    member: Member
    partner: Partner
    days: Sequence[DayFigures]
    earnings: Earnings
    codes: Sequence[ListedCode]
    health: EndpointHealth
    used: WeightUsed | None
    awaiting_choice: Sequence[UUID]
    plan: PayoutPlan
    today: date


def dashboard_view(data: DashboardData, step: Step, metric: Metric) -> DashboardView:
    """Return the view, with a chart of `metric` grouped by `step`."""
    groups = grouped(data.days, step, data.today)
    partner, earnings = data.partner, data.earnings
    return DashboardView(
        alerts=alerts(data),
        tiles=tiles(data.days, groups, step, metric),
        groupings=groupings(step, metric),
        chart=figures_chart(groups, step, metric),
        chart_title=chart_title(step, metric),
        chart_description=chart_description(groups, step, metric),
        rows=[figures_row(one, step) for one in reversed(groups)],
        is_new=not data.days and earnings.volume == 0,
        rate_limit=rate_limit_view(partner.budget, data.used),
        markup=percent(partner.markup_bps),
        codes=len(data.codes),
        codes_enabled=sum(listed.code.enabled for listed in data.codes),
        max_codes=partner.max_codes,
        balance=format_usd(earnings.balance),
        total_earnings=format_usd(earnings.markup + earnings.base_fee_share),
        total_volume=format_usd(earnings.volume),
        health=data.health,
        has_url=partner.webhook_url is not None,
    )


def alerts(data: DashboardData) -> list[Alert]:
    """Return everything that needs attention, the most urgent first."""
    return [
        *order_alerts(len(data.awaiting_choice)),
        *webhook_alerts(data.partner, data.health),
        *payout_alerts(data.plan, data.member.role, has_balance=data.earnings.balance > 0),
    ]


def rate_limit_view(budget: int, used: WeightUsed | None) -> RateLimitView | None:
    """Return the weight left of a budget, or None if the weight used is unknown."""
    if used is None:
        return None
    left = max(budget - used.used, 0)
    return RateLimitView(left, budget, left * 100 // max(budget, 1), -(-used.free_in_ms // 1000))
