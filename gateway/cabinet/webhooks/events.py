"""`/partner/webhooks/events/{id}`: an event, its request, its attempts, and resending it."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.webhooks import messages
from cabinet_htmx.partner.webhooks.event_view import EventPageView
from cabinet_htmx.partner.webhooks.settings_view import EndpointStatus
from domain.actions.webhooks.replay_events import replay_events
from domain.cabinet.members import Role
from domain.errors import NotFound
from domain.webhooks.delivery_log import EventDetails
from domain.webhooks.signature_check import abbreviated
from domain.webhooks.signatures import signature, standard_signature
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section
from gateway.cabinet.webhooks.log_query import LogQuery
from gateway.cabinet.webhooks.settings import PATH, form_route

EVENT: Final = f"{PATH}/events/{{id}}"


async def show(request: PageRequest) -> Response:
    """Show an event and its attempts; the query string leads back to the page of the log."""
    repository, partner_id = request.ports.webhooks.repository, request.partner_id
    details = await repository.read_event(partner_id, request.id_of("id"))
    state = await repository.read_state(partner_id)
    secret = (await repository.read_secrets(partner_id, now=request.now)).current
    own = "unknown" if secret is None else abbreviated(signature(details.body.encode(), secret))
    standard = None
    if secret is not None and state.settings.standard_webhooks:
        standard = _standard_signature(details, secret)
    view = EventPageView.of(
        details, PATH, signature=own, standard_signature=standard, now=request.now
    )
    return request.page(
        "webhooks/event.html",
        view=view,
        url=state.settings.url,
        is_paused=EndpointStatus.of(state) is EndpointStatus.PAUSED,
        back=LogQuery.of(request.query, request.layout.zone).current_path(PATH),
        can_edit=request.member.role.includes(Role.DEVELOPER),
    )


async def resend(request: PageRequest) -> Response:
    """Resend an event."""
    event_id = request.id_of("id")
    if not await replay_events(request.ports.webhooks, request.partner_id, [event_id]):
        # says whether it was archived
        await request.ports.webhooks.repository.read_event(request.partner_id, event_id)
        raise NotFound(f"there is no event {event_id}")
    await request.record("Resent an event", str(event_id))
    return await request.redirect(f"{PATH}/events/{event_id}", messages.EVENT_RESENT)


def _standard_signature(details: EventDetails, secret: str) -> str | None:
    """Return the beginning of the signature of the last attempt, None without an attempt."""
    last = details.event.last
    if last is None:
        return None
    return abbreviated(
        standard_signature(
            details.body.encode(),
            secret,
            message_id=str(details.event.id),
            timestamp=int(last.started_at.timestamp()),
        )
    )


ROUTES = (
    Route(method="GET", path=EVENT, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    form_route(f"{EVENT}/replay", resend),
)
