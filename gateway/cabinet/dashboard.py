"""`/partner/dashboard`: how the partner is doing, and what needs attention first."""

import asyncio

from blacksheep import Response

from cabinet_htmx.partner.dashboard_view import (
    Facts,
    Metric,
    budget_of,
    dashboard_view,
)
from domain.actions.cabinet.queries import WeightUsed
from domain.actions.ledger.change_payout_details import show_payout_details
from domain.cabinet.members import Role
from domain.errors import Unavailable
from domain.ledger.statistics import Step, first_day
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = Section.DASHBOARD.path
MAX_WAITING = 100


async def show(visit: PageRequest) -> Response:
    """Show figures, budget and health; `by` and `show` choose what the chart is of."""
    by, what = visit.query.get("by", ""), visit.query.get("show", "")
    step = Step(by) if by in set(Step) else Step.DAY
    metric = Metric(what) if what in set(Metric) else Metric.EARNED
    return visit.page("dashboard.html", view=dashboard_view(await _facts(visit), step, metric))


async def budget(visit: PageRequest) -> Response:
    """Answer htmx with what is left of the weight budget now."""
    reading, partner_id = visit.cabinet.parts.reading, visit.member.partner_id
    partner, used = await asyncio.gather(reading.partner(partner_id), _used(visit))
    left = budget_of(partner.budget, used)
    if left is None:
        raise Unavailable("the weight budget can't be told")
    return visit.page("_budget.html", budget=left)


async def _facts(visit: PageRequest) -> Facts:
    parts, partner_id = visit.cabinet.parts, visit.member.partner_id
    reading, today = parts.reading, visit.now.date()
    days, earnings, partner, codes = await asyncio.gather(
        reading.days(partner_id, first_day(Step.MONTH, today)),
        reading.accounts.earnings(partner_id),
        reading.partner(partner_id),
        reading.codes(partner_id),
    )
    health, used, waiting, plan = await asyncio.gather(
        reading.webhooks(partner_id),
        _used(visit),
        reading.orders.awaiting_choice(partner_id, limit=MAX_WAITING),
        show_payout_details(parts.payout_details, partner_id),
    )
    return Facts(
        member=visit.member,
        partner=partner,
        days=days,
        earnings=earnings,
        codes=codes,
        health=health,
        used=used,
        waiting=waiting,
        plan=plan,
        today=today,
    )


async def _used(visit: PageRequest) -> WeightUsed | None:
    try:
        return await visit.cabinet.parts.reading.weight_used(visit.member.partner_id)
    except Unavailable:
        return None


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.DASHBOARD),
    Route(
        method="GET",
        path=f"{PATH}/budget",
        handle=budget,
        role=Role.VIEWER,
        section=Section.DASHBOARD,
    ),
)
