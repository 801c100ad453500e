"""`/partner/payout-history/details`: where earnings are sent; changes take effect a day later."""

from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner.ledger.payout_details_view import (
    CHANGE_CANCELED,
    CHANGE_REQUESTED,
    DETAILS,
    NOT_PENDING,
    DetailsForm,
    details_errors,
    details_view,
)
from domain.actions.ledger.change_payout_details import (
    cancel_payout_details,
    request_payout_details,
)
from domain.cabinet.members import Role
from domain.errors import InvalidTransition
from domain.ledger.payout_details import PayoutDetails, RejectedPayoutDetails, plan
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section, StepUp


async def show(request: PageRequest) -> Response:
    """Show the current details and a pending change; owners also see the form."""
    return await _page(request)


async def request_change(request: PageRequest) -> Response:
    """Request new payout details."""
    fields = {name: request.form.get(name, "").strip() for name in DetailsForm.__struct_fields__}
    ports = request.ports.payout_details
    try:
        details = await request_payout_details(ports, request.member, **fields)
    except RejectedPayoutDetails as rejected:
        form = DetailsForm(**fields)
        errors = details_errors(rejected.problems, ports.market.catalogue.assets.get(form.asset))
        return await _page(request, 422, form=form, errors=errors)
    await request.record("Requested new payout details", _described(details))
    return await request.redirect(DETAILS, CHANGE_REQUESTED)


async def cancel_change(request: PageRequest) -> Response:
    """Cancel pending payout details."""
    details_id = request.id_of("id")
    try:
        details = await cancel_payout_details(
            request.ports.payout_details, request.member, details_id
        )
    except InvalidTransition:
        return await request.redirect(DETAILS, NOT_PENDING, success=False)
    await request.record("Canceled new payout details", _described(details))
    return await request.redirect(DETAILS, CHANGE_CANCELED)


def _described(details: PayoutDetails) -> str:
    tag = f", {details.tag}" if details.tag else ""
    return f"{details.asset} to {details.address}{tag}"


async def _page(
    request: PageRequest,
    status: int = 200,
    *,
    form: DetailsForm | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    ports = request.ports.payout_details
    history = await ports.repository.history(request.partner_id)
    view = details_view(
        history,
        plan(history, ports.clock.now()),
        ports.market.catalogue,
        request.member,
        form=form,
        errors=errors,
    )
    return request.page("ledger/payout_details.html", status=status, view=view)


ROUTES = (
    Route(method="GET", path=DETAILS, handle=show, role=Role.VIEWER, section=Section.PAYOUTS),
    Route(
        method="POST",
        path=DETAILS,
        handle=request_change,
        role=Role.OWNER,
        section=Section.PAYOUTS,
        step_up=StepUp.REQUIRED,
    ),
    Route(
        method="POST",
        path=f"{DETAILS}/{{id}}/withdraw",
        handle=cancel_change,
        role=Role.OWNER,
        section=Section.PAYOUTS,
        step_up=StepUp.NOT_NEEDED,  # stops a change; the details in effect remain
    ),
)
