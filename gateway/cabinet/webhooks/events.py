"""`/partner/webhooks/events/{id}`: an event, what is sent, how each attempt went; sent again."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.webhooks_view import Condition, EventPage
from domain.actions.webhooks.manage_webhooks import replay
from domain.cabinet.members import Role
from domain.errors import NotFound
from domain.webhooks.events import signature, standard_signature
from domain.webhooks.signature_check import abbreviated
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section
from gateway.cabinet.webhooks.log_query import LogQuery
from gateway.cabinet.webhooks.settings import PATH, changes

EVENT: Final = f"{PATH}/events/{{id}}"


async def show(visit: PageRequest) -> Response:
    """Show an event and its attempts; the address may say from which page of the log one came."""
    desk, partner_id = visit.cabinet.parts.webhooks, visit.member.partner_id
    found = await desk.repository.read_event(partner_id, visit.id_of("id"))
    state = await desk.repository.read_state(partner_id)
    secrets = await desk.repository.read_secrets(partner_id, now=visit.now)
    body, secret, last = found.body.encode(), secrets.current, found.event.last
    standard = None
    if secret is not None and last is not None and state.settings.standard_webhooks:
        whole = standard_signature(
            body,
            secret,
            message_id=str(found.event.id),
            timestamp=int(last.started_at.timestamp()),
        )
        standard = abbreviated(whole)
    view = EventPage.of(
        found,
        PATH,
        signature=abbreviated(signature(body, secret)) if secret is not None else "unknown",
        standard=standard,
        now=visit.now,
    )
    return visit.page(
        "webhook_event.html",
        view=view,
        url=state.settings.url,
        condition=Condition.of(state),
        back=LogQuery.of(visit.query, visit.frame.zone).here(PATH),
        may_change=visit.member.role.may_act_as(Role.DEVELOPER),
    )


async def send_again(visit: PageRequest) -> Response:
    """Send an event again, and show how it goes."""
    event_id = visit.id_of("id")
    desk, partner_id = visit.cabinet.parts.webhooks, visit.member.partner_id
    if not await replay(desk, partner_id, [event_id]):
        raise NotFound(f"there is no event {event_id}")
    await visit.record("Sent an event again", str(event_id))
    return await visit.go(f"{PATH}/events/{event_id}", "The event is on its way again.")


ROUTES = (
    Route(method="GET", path=EVENT, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    changes(f"{EVENT}/replay", send_again),
)
