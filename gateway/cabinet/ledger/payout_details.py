"""`/partner/payout-history/details`: where earnings are sent; changed by owners, a day later."""

from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner.payouts_view import DETAILS, DetailsForm, details_view
from domain.actions.ledger.change_payout_details import (
    ask_payout_details,
    withdraw_payout_details,
)
from domain.cabinet.members import Role
from domain.errors import InvalidTransition
from domain.ledger.payout_details import PayoutDetails, RejectedPayoutDetails, plan
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

ASKED = (
    "The new payout details take effect in 24 hours. Until then, what was in force stays, and you "
    "can withdraw the change."
)
WITHDRAWN = "The change is withdrawn: what was in force stays so."
TOO_LATE = "This change doesn't wait any more: it is in force, or was withdrawn before."


async def show(visit: PageRequest) -> Response:
    """Show what is in force, what waits, and to owners the form."""
    return await _page(visit)


async def ask(visit: PageRequest) -> Response:
    """Put new details down."""
    given = {name: visit.form.get(name, "").strip() for name in DetailsForm.__struct_fields__}
    try:
        details = await ask_payout_details(
            visit.cabinet.parts.payout_details, visit.member, **given
        )
    except RejectedPayoutDetails as refused:
        return await _page(visit, 422, form=DetailsForm(**given), faults=refused.faults)
    await visit.record("Asked for other payout details", _about(details))
    return await visit.go(DETAILS, ASKED)


async def withdraw(visit: PageRequest) -> Response:
    """Withdraw details that wait."""
    details_id = visit.id_of("id")
    try:
        details = await withdraw_payout_details(
            visit.cabinet.parts.payout_details, visit.member, details_id
        )
    except InvalidTransition:
        return await visit.go(DETAILS, TOO_LATE, good=False)
    await visit.record("Withdrew payout details", _about(details))
    return await visit.go(DETAILS, WITHDRAWN)


def _about(details: PayoutDetails) -> str:
    tag = f", {details.tag}" if details.tag else ""
    return f"{details.asset} to {details.address}{tag}"


async def _page(
    visit: PageRequest,
    status: int = 200,
    *,
    form: DetailsForm | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    ports = visit.cabinet.parts.payout_details
    history = await ports.book.history(visit.member.partner_id)
    view = details_view(
        history,
        plan(history, ports.clock.now()),
        ports.market.catalogue,
        visit.member,
        form=form,
        faults=faults,
    )
    return visit.page("payout_details.html", status=status, view=view)


ROUTES = (
    Route(method="GET", path=DETAILS, handle=show, role=Role.VIEWER, section=Section.PAYOUTS),
    Route(
        method="POST",
        path=DETAILS,
        handle=ask,
        role=Role.OWNER,
        section=Section.PAYOUTS,
        fresh=True,
    ),
    Route(
        method="POST",
        path=f"{DETAILS}/{{id}}/withdraw",
        handle=withdraw,
        role=Role.OWNER,
        section=Section.PAYOUTS,
    ),
)
