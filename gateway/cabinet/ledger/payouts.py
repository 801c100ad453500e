"""`/partner/payout-history`: earnings periods, payouts and statements."""

from blacksheep import Content, Response

from cabinet_htmx.partner.csv_file import csv_bytes
from cabinet_htmx.partner.ledger.payouts_view import payouts_view
from cabinet_htmx.partner.ledger.statement_view import CURRENT, statement, statement_lines
from domain.actions.ledger.change_payout_details import show_payout_details
from domain.cabinet.members import Role
from domain.errors import NotFound
from domain.ledger.periods import EarningsPeriod
from gateway.cabinet.downloads import CSV, download_headers
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = Section.PAYOUTS.path
PAGE_SIZE = 25
MAX_DIGITS = 9


async def show(request: PageRequest) -> Response:
    """Show the balance and the periods."""
    ports, earnings = request.ports, request.ports.queries.earnings
    before = _number(request.query.get("before", ""))
    view = payouts_view(
        await earnings.earnings(request.partner_id),
        await earnings.periods(request.partner_id, limit=PAGE_SIZE + 1, before=before),
        await show_payout_details(ports.payout_details, request.partner_id),
        ports.queries.catalogue(),
        limit=PAGE_SIZE,
        before=before,
    )
    return request.page("ledger/payouts.html", view=view)


async def show_statement(request: PageRequest) -> Response:
    """Show the statement of a period, which can be printed."""
    view = statement(await _period(request), request.member.partner_name)
    return request.page("ledger/statement.html", statement=view)


async def download_statement(request: PageRequest) -> Response:
    """Return the statement of a period as CSV."""
    period = await _period(request)
    end = period.end.period_end if period.end else request.now
    lines = statement_lines(statement(period, request.member.partner_name))
    headers = download_headers(f"statement-{end:%Y-%m-%d}.csv")
    return Response(200, headers, Content(CSV, csv_bytes(lines)))


async def _period(request: PageRequest) -> EarningsPeriod:
    """Return the period named in the path; raise NotFound."""
    earnings, partner_id = request.ports.queries.earnings, request.partner_id
    name = request.parameters["number"]
    if name == CURRENT:
        return (await earnings.periods(partner_id, limit=1))[0]
    number = _number(name)
    if number is not None:
        periods = await earnings.periods(partner_id, limit=1, before=number + 1)
        ended = periods[0].end if periods else None
        if ended is not None and ended.number == number:
            return periods[0]
    raise NotFound(f"the partner has no period {name}")


def _number(text: str) -> int | None:
    plain = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if plain else None


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.PAYOUTS),
    Route(
        method="GET",
        path=f"{PATH}/{{number}}",
        handle=show_statement,
        role=Role.VIEWER,
        section=Section.PAYOUTS,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{number}}/statement.csv",
        handle=download_statement,
        role=Role.VIEWER,
        section=Section.PAYOUTS,
    ),
)
