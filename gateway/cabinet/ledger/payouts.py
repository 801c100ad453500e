"""`/partner/payout-history`: periods and statements."""

from blacksheep import Content, Response

from cabinet_htmx.partner.csv_lines import csv_bytes
from cabinet_htmx.partner.payouts_view import OPEN, payouts_view, statement, statement_lines
from cabinet_htmx.partner.site import HEADERS
from domain.actions.ledger.change_payout_details import show_payout_details
from domain.cabinet.members import Role
from domain.errors import NotFound
from domain.ledger.payouts import Period
from gateway.cabinet.orders.export import CSV
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = Section.PAYOUTS.path
LISTED = 25
MAX_DIGITS = 9


async def show(visit: PageRequest) -> Response:
    """Show the account and its periods."""
    parts, partner_id = visit.cabinet.parts, visit.member.partner_id
    accounts = parts.reading.accounts
    before = _number(visit.query.get("before", ""))
    view = payouts_view(
        await accounts.earnings(partner_id),
        await accounts.periods(partner_id, limit=LISTED + 1, before=before),
        await show_payout_details(parts.payout_details, partner_id),
        parts.reading.catalogue(),
        limit=LISTED,
        before=before,
    )
    return visit.page("payouts.html", view=view)


async def show_statement(visit: PageRequest) -> Response:
    """Show what a period has earned, to read and to print."""
    shown = statement(await _period(visit), visit.member.partner_name)
    return visit.page("statement.html", shown=shown)


async def statement_csv(visit: PageRequest) -> Response:
    """Hand out a period's statement as CSV."""
    period = await _period(visit)
    shown = statement(period, visit.member.partner_name)
    end = period.closing.closed_at if period.closing else visit.now
    name = f"attachment; filename=statement-{end:%Y-%m-%d}.csv"
    headers = [
        *((name.encode(), value.encode()) for name, value in HEADERS.items()),
        (b"Cache-Control", b"no-store"),
        (b"Content-Disposition", name.encode()),
    ]
    return Response(200, headers, Content(CSV, csv_bytes(statement_lines(shown))))


async def _period(visit: PageRequest) -> Period:
    """Return the period that stands in the path; raise NotFound."""
    accounts, partner_id = visit.cabinet.parts.reading.accounts, visit.member.partner_id
    name = visit.parameters["number"]
    if name == OPEN:
        return (await accounts.periods(partner_id, limit=1))[0]
    number = _number(name)
    if number is not None:
        found = await accounts.periods(partner_id, limit=1, before=number + 1)
        closing = found[0].closing if found else None
        if closing is not None and closing.number == number:
            return found[0]
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
        handle=statement_csv,
        role=Role.VIEWER,
        section=Section.PAYOUTS,
    ),
)
