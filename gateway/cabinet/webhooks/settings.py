"""`/partner/webhooks`: where events go, how the endpoint fares, and the log of deliveries."""

import re
from datetime import timedelta
from typing import Final
from uuid import UUID

from blacksheep import Response

from cabinet_htmx.partner.webhooks_view import (
    URL_FAULTS,
    EventView,
    LogView,
    SettingsForm,
    StateView,
    event_choices,
    outcome_choices,
    type_choices,
)
from domain.actions.webhooks.manage_webhooks import (
    MAX_REPLAYED,
    NoEndpoint,
    replay,
    replay_failed,
    send_test,
    set_webhooks,
)
from domain.cabinet.members import Role
from domain.errors import InvalidRequest
from domain.ids import id_in
from domain.webhooks.events import SUBSCRIBABLE, InvalidWebhookUrl
from domain.webhooks.ports import WebhookSettings, event_names
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Handler, Route, Section
from gateway.cabinet.webhooks.log_query import LogQuery

PATH: Final = Section.WEBHOOKS.path
TICKED: Final = re.compile(r"event-([0-9a-f-]{36})", re.ASCII)
SPANS: Final = {
    "hour": ("the last hour", timedelta(hours=1)),
    "day": ("the last 24 hours", timedelta(days=1)),
    "week": ("the last 7 days", timedelta(days=7)),
    "month": ("the last 30 days", timedelta(days=30)),
}


async def show(visit: PageRequest) -> Response:
    """Show settings, state and a page of the log."""
    return await _page(visit)


async def save(visit: PageRequest) -> Response:
    """Replace the settings."""
    form = visit.form
    chosen = frozenset(event for event in SUBSCRIBABLE if event.value in form)
    wanted = WebhookSettings(
        url=form.get("url", "").strip() or None,
        events=chosen,
        standard_webhooks="standard" in form,
    )
    try:
        await set_webhooks(visit.cabinet.parts.webhooks, visit.member.partner_id, wanted)
    except InvalidWebhookUrl as refused:
        sent = SettingsForm(
            url=wanted.url or "",
            events=event_choices(chosen),
            standard_webhooks=wanted.standard_webhooks,
            fault=URL_FAULTS[refused.problem],
        )
        return await _page(visit, sent, status=422)
    await visit.record("Changed webhook settings", _described(wanted))
    said = "Saved. Send a test event to see how your endpoint takes it."
    return await visit.go(PATH, said if wanted.url else "Saved: no events are sent any more.")


async def test(visit: PageRequest) -> Response:
    """Send a test event, and show how it goes."""
    try:
        event = await send_test(visit.cabinet.parts.webhooks, visit.member.partner_id)
    except NoEndpoint:
        return await visit.go(PATH, "There is no URL yet to send a test to.", good=False)
    await visit.record("Sent a test event", str(event.id))
    return await visit.go(f"{PATH}/events/{event.id}")


async def replay_chosen(visit: PageRequest) -> Response:
    """Send the events again that are ticked."""
    query = LogQuery.of(visit.form, visit.frame.zone)
    found = [TICKED.fullmatch(name) for name in visit.form]
    chosen = [_id_of(one[1]) for one in found if one]
    if not chosen:
        said = "Nothing was ticked, so nothing is sent again."
        return await visit.go(query.here(PATH), said, good=False)
    replayed = await replay(visit.cabinet.parts.webhooks, visit.member.partner_id, chosen)
    if replayed:
        about = ", ".join(str(one) for one in chosen)
        await visit.record(f"Sent {events(replayed)} again", about)
    return await visit.go(query.here(PATH), f"{events(replayed)} on the way again.".capitalize())


async def replay_all(visit: PageRequest) -> Response:
    """Send again what has failed for good since a while ago."""
    if visit.form.get("since") not in SPANS:
        raise InvalidRequest("not one of the spans")
    words, span = SPANS[visit.form["since"]]
    desk, partner_id = visit.cabinet.parts.webhooks, visit.member.partner_id
    replayed = await replay_failed(desk, partner_id, since=visit.now - span)
    if not replayed:
        return await visit.go(PATH, f"Nothing of {words} has failed for good.")
    await visit.record(f"Sent {events(replayed)} again", f"all that had failed in {words}")
    more = " There may be more: do it again." if replayed >= MAX_REPLAYED else ""
    return await visit.go(PATH, f"{events(replayed).capitalize()} on the way again.{more}")


def events(number: int) -> str:
    """Return so many events in words."""
    return "1 event" if number == 1 else f"{number:,} events"


def _id_of(text: str) -> UUID:
    found = id_in(text)
    if found is None:
        raise InvalidRequest("not an event's id")
    return found


def _described(settings: WebhookSettings) -> str:
    names = ", ".join(event_names(settings.events)) or "no events"
    signed = "with Standard Webhooks headers" if settings.standard_webhooks else "own headers only"
    return f"{settings.url or 'no URL'}; {names}; {signed}"


async def _page(
    visit: PageRequest, form: SettingsForm | None = None, *, status: int = 200
) -> Response:
    book, partner_id = visit.cabinet.parts.webhooks.repository, visit.member.partner_id
    query = LogQuery.of(visit.query, visit.frame.zone)
    state = await book.read_state(partner_id)
    return visit.page(
        "webhooks.html",
        status=status,
        form=form or SettingsForm.of(state.settings),
        health=StateView.of(state),
        log=await _log(visit, query),
        spans={value: words for value, (words, _) in SPANS.items()},
        may_change=visit.member.role.may_act_as(Role.DEVELOPER),
    )


async def _log(visit: PageRequest, query: LogQuery) -> LogView:
    book, partner_id = visit.cabinet.parts.webhooks.repository, visit.member.partner_id
    faults, wanted = query.faults, query.filter
    found = await book.list_events(partner_id, wanted, query.behind)
    return LogView(
        rows=[EventView.of(event, PATH, now=visit.now) for event in found.events],
        outcomes=outcome_choices(query.fields.get("outcome", "")),
        types=type_choices(query.fields.get("type", "")),
        fields=query.fields,
        faults=faults,
        is_filtered=not wanted.is_empty,
        looked_back_to=found.searched_back_to,
        first=query.path(PATH) if query.behind else None,
        onward=query.path(PATH, behind=found.next_cursor) if found.next_cursor else None,
    )


def changes(path: str, handle: Handler) -> Route:
    """Return the route of a form that developers and owners may send."""
    return Route(
        method="POST", path=path, handle=handle, role=Role.DEVELOPER, section=Section.WEBHOOKS
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    changes(PATH, save),
    changes(f"{PATH}/test", test),
    changes(f"{PATH}/replay", replay_chosen),
    changes(f"{PATH}/replay-failed", replay_all),
)
