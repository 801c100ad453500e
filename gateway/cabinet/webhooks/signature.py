"""`/partner/webhooks/signature`: explains how a signature is computed, and checks one."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.webhooks.messages import BODY_REQUIRED
from cabinet_htmx.partner.webhooks.signature_view import signature_view
from domain.actions.webhooks.check_webhook import check_webhook
from domain.cabinet.members import Role
from domain.webhooks.signature_check import PastedWebhook, SignatureCheck
from gateway.cabinet.page_request import PageRequest, parse_id
from gateway.cabinet.routes import Route, Section, StepUp
from gateway.cabinet.webhooks.settings import PATH as WEBHOOKS

PATH: Final = f"{WEBHOOKS}/signature"
EMPTY: Final = PastedWebhook(body="")


async def show(request: PageRequest) -> Response:
    """Show the form, filled in with the event in the query string, if any."""
    if "event" not in request.query:
        return _page(request, EMPTY)
    details = await request.ports.webhooks.repository.read_event(
        request.partner_id, parse_id(request.query["event"])
    )
    last = details.event.last
    pasted = PastedWebhook(
        body=details.body,
        event_id=str(details.event.id),
        timestamp=str(int(last.started_at.timestamp())) if last else "",
    )
    return _page(request, pasted)


async def check(request: PageRequest) -> Response:
    """Check a pasted webhook. It is a POST only to keep the body out of URLs and logs."""
    fields = {name: value.strip() for name, value in request.form.items() if name != "body"}
    pasted = PastedWebhook(
        body=request.form.get("body", ""),
        signature=fields.get("signature", ""),
        event_id=fields.get("event_id", "").lower(),
        timestamp=fields.get("timestamp", ""),
    )
    if not pasted.body:
        return _page(request, pasted, status=422, error=BODY_REQUIRED)
    result = await check_webhook(request.ports.webhooks, request.partner_id, pasted)
    return _page(request, pasted, result=result)


def _page(
    request: PageRequest,
    pasted: PastedWebhook,
    *,
    result: SignatureCheck | None = None,
    status: int = 200,
    error: str | None = None,
) -> Response:
    return request.page(
        "webhooks/signature.html",
        status=status,
        pasted=pasted,
        error=error,
        view=signature_view(pasted, result, now=request.now) if result else None,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    Route(
        method="POST",
        path=PATH,
        handle=check,
        role=Role.VIEWER,
        section=Section.WEBHOOKS,
        step_up=StepUp.NOT_NEEDED,
    ),
)
