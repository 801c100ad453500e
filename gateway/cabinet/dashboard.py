"""`/partner/dashboard`: figures, the API rate limit, and what needs attention."""

import asyncio

from blacksheep import Response

from cabinet_htmx.partner.dashboard.dashboard_view import (
    DashboardData,
    dashboard_view,
    rate_limit_view,
)
from cabinet_htmx.partner.dashboard.figures import Metric
from domain.actions.cabinet.queries import WeightUsed
from domain.actions.ledger.change_payout_details import show_payout_details
from domain.cabinet.members import Role
from domain.errors import Unavailable
from domain.ledger.statistics import Step, first_day
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = Section.DASHBOARD.path
MAX_AWAITING_CHOICE = 100


async def show(request: PageRequest) -> Response:
    """Show the dashboard; `by` and `show` select the chart's grouping and metric."""
    by, metric_name = request.query.get("by", ""), request.query.get("show", "")
    step = Step(by) if by in set(Step) else Step.DAY
    metric = Metric(metric_name) if metric_name in set(Metric) else Metric.EARNED
    view = dashboard_view(await _data(request), step, metric)
    return request.page("dashboard/dashboard.html", view=view)


async def show_rate_limit(request: PageRequest) -> Response:
    """Return the current state of the API rate limit as a fragment."""
    queries = request.ports.queries
    partner, used = await asyncio.gather(queries.partner(request.partner_id), _used(request))
    limit = rate_limit_view(partner.budget, used)
    if limit is None:
        raise Unavailable("the weight used is unknown")
    return request.page("dashboard/_rate_limit.html", limit=limit)


async def _data(request: PageRequest) -> DashboardData:
    ports, partner_id = request.ports, request.partner_id
    queries, today = ports.queries, request.now.date()
    days, earnings, partner, codes = await asyncio.gather(
        queries.days(partner_id, first_day(Step.MONTH, today)),
        queries.earnings.earnings(partner_id),
        queries.partner(partner_id),
        queries.codes(partner_id),
    )
    health, used, awaiting_choice, plan = await asyncio.gather(
        queries.webhooks(partner_id),
        _used(request),
        queries.orders.awaiting_choice(partner_id, limit=MAX_AWAITING_CHOICE),
        show_payout_details(ports.payout_details, partner_id),
    )
    return DashboardData(
        member=request.member,
        partner=partner,
        days=days,
        earnings=earnings,
        codes=codes,
        health=health,
        used=used,
        awaiting_choice=awaiting_choice,
        plan=plan,
        today=today,
    )


async def _used(request: PageRequest) -> WeightUsed | None:
    try:
        return await request.ports.queries.weight_used(request.partner_id)
    except Unavailable:
        return None


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.DASHBOARD),
    Route(
        method="GET",
        path=f"{PATH}/budget",
        handle=show_rate_limit,
        role=Role.VIEWER,
        section=Section.DASHBOARD,
    ),
)
