"""`/partner/webhooks/signature`: shows how a signature is computed, and compares one with it."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.signature_view import signature_view
from domain.actions.webhooks.check_webhook import check_webhook
from domain.cabinet.members import Role
from domain.webhooks.signature_check import PastedWebhook, SignatureCheck
from gateway.cabinet.page_request import PageRequest, known_id
from gateway.cabinet.routes import Route, Section
from gateway.cabinet.webhooks.settings import PATH as WEBHOOKS

PATH: Final = f"{WEBHOOKS}/signature"
NOTHING: Final = PastedWebhook(body="")


async def show(visit: PageRequest) -> Response:
    """Show the form, filled in with an event of one's own if the address names one."""
    if "event" not in visit.query:
        return _page(visit, NOTHING)
    book = visit.cabinet.parts.webhooks.repository
    found = await book.read_event(visit.member.partner_id, known_id(visit.query["event"]))
    last = found.event.last
    pasted = PastedWebhook(
        body=found.body,
        event_id=str(found.event.id),
        timestamp=str(int(last.started_at.timestamp())) if last else "",
    )
    return _page(visit, pasted)


async def check(visit: PageRequest) -> Response:
    """Check what was pasted. It changes nothing, and is a POST to stay out of addresses."""
    given = {name: value.strip() for name, value in visit.form.items() if name != "body"}
    pasted = PastedWebhook(
        body=visit.form.get("body", ""),
        signature=given.get("signature", ""),
        event_id=given.get("event_id", "").lower(),
        timestamp=given.get("timestamp", ""),
    )
    if not pasted.body:
        return _page(visit, pasted, status=422, fault="Please paste a body.")
    desk = visit.cabinet.parts.webhooks
    found = await check_webhook(desk, visit.member.partner_id, pasted)
    return _page(visit, pasted, found=found)


def _page(
    visit: PageRequest,
    pasted: PastedWebhook,
    *,
    found: SignatureCheck | None = None,
    status: int = 200,
    fault: str | None = None,
) -> Response:
    return visit.page(
        "webhook_signature.html",
        status=status,
        pasted=pasted,
        fault=fault,
        view=signature_view(pasted, found, now=visit.now) if found else None,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    Route(method="POST", path=PATH, handle=check, role=Role.VIEWER, section=Section.WEBHOOKS),
)
