"""`/partner/webhooks`: the endpoint's settings and state, and the delivery log."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from blacksheep import Response

from cabinet_htmx.partner.webhooks import messages
from cabinet_htmx.partner.webhooks.event_view import EventView
from cabinet_htmx.partner.webhooks.log_view import LogView, outcome_options, type_options
from cabinet_htmx.partner.webhooks.settings_view import EndpointView, SettingsForm
from domain.actions.webhooks.replay_events import MAX_REPLAYED, replay_events, replay_failed
from domain.actions.webhooks.send_test import NoEndpoint, send_test
from domain.actions.webhooks.set_webhooks import set_webhooks
from domain.cabinet.members import Role
from domain.errors import InvalidCommand
from domain.ids import id_in
from domain.webhooks.events import EventType
from domain.webhooks.ports import WebhookSettings
from domain.webhooks.subscriptions import SUBSCRIBABLE, event_names, types_to_test
from domain.webhooks.urls import InvalidWebhookUrl
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Handler, Route, Section, StepUp
from gateway.cabinet.webhooks.log_query import LogQuery

PATH: Final = Section.WEBHOOKS.path
PERIODS: Final = {
    "hour": ("the last hour", timedelta(hours=1)),
    "day": ("the last 24 hours", timedelta(days=1)),
    "week": ("the last 7 days", timedelta(days=7)),
    "month": ("the last 30 days", timedelta(days=30)),
}

_SELECTED = re.compile(r"event-([0-9a-f-]{36})", re.ASCII)


async def show(request: PageRequest) -> Response:
    """Show settings, state and a page of the log."""
    return await _page(request)


async def save(request: PageRequest) -> Response:
    """Replace the settings."""
    form = request.form
    settings = WebhookSettings(
        url=form.get("url", "").strip() or None,
        events=frozenset(event for event in SUBSCRIBABLE if event.value in form),
        standard_webhooks="standard" in form,
    )
    try:
        await set_webhooks(request.ports.webhooks, request.partner_id, settings)
    except InvalidWebhookUrl as rejected:
        error = messages.URL_ERRORS[rejected.problem]
        return await _page(request, SettingsForm.of(settings, url_error=error), status=422)
    await request.record("Changed webhook settings", _described(settings))
    message = messages.SETTINGS_SAVED if settings.url else messages.URL_REMOVED
    return await request.redirect(PATH, message)


async def test(request: PageRequest) -> Response:
    """Send a test event of the chosen type, by default `webhook.test`, and show its page."""
    types = {event.value: event for event in _types_to_test(request)}
    event_type = types.get(request.form.get("type", EventType.WEBHOOK_TEST.value))
    if event_type is None:
        raise InvalidCommand("no such type of test event")
    try:
        event = await send_test(request.ports.webhooks, request.partner_id, event_type)
    except NoEndpoint:
        return await request.redirect(PATH, messages.NO_URL, success=False)
    await request.record("Sent a test event", f"{event_type.value} {event.id}")
    return await request.redirect(f"{PATH}/events/{event.id}")


async def resend_selected(request: PageRequest) -> Response:
    """Resend the selected events."""
    back = LogQuery.of(request.form, request.layout.zone).current_path(PATH)
    matches = [_SELECTED.fullmatch(name) for name in request.form]
    selected = [_event_id(match[1]) for match in matches if match]
    if not selected:
        return await request.redirect(back, messages.NOTHING_SELECTED, success=False)
    count = await replay_events(request.ports.webhooks, request.partner_id, selected)
    if count:
        detail = ", ".join(str(one) for one in selected)
        await request.record(f"Resent {messages.count_of_events(count)}", detail)
    return await request.redirect(back, messages.events_resent(count))


async def resend_failed(request: PageRequest) -> Response:
    """Resend all events that have failed within a period."""
    if request.form.get("since") not in PERIODS:
        raise InvalidCommand("no such period")
    period, span = PERIODS[request.form["since"]]
    count = await replay_failed(
        request.ports.webhooks, request.partner_id, since=request.now - span
    )
    if count:
        action = f"Resent {messages.count_of_events(count)}"
        await request.record(action, f"all that failed in {period}")
    message = messages.failed_events_resent(count, maximum=MAX_REPLAYED, period=period)
    return await request.redirect(PATH, message)


def _types_to_test(request: PageRequest) -> Sequence[EventType]:
    return types_to_test(is_sandbox=request.ports.sandbox is not None)


def _event_id(text: str) -> UUID:
    parsed = id_in(text)
    if parsed is None:
        raise InvalidCommand("malformed event id")
    return parsed


def _described(settings: WebhookSettings) -> str:
    names = ", ".join(event_names(settings.events)) or "no events"
    standard = "with" if settings.standard_webhooks else "without"
    return f"{settings.url or 'no URL'}; {names}; {standard} Standard Webhooks headers"


async def _page(
    request: PageRequest, form: SettingsForm | None = None, *, status: int = 200
) -> Response:
    query = LogQuery.of(request.query, request.layout.zone)
    state = await request.ports.webhooks.repository.read_state(request.partner_id)
    return request.page(
        "webhooks/webhooks.html",
        status=status,
        form=form or SettingsForm.of(state.settings),
        endpoint=EndpointView.of(state),
        test_types=[one.value for one in _types_to_test(request)],
        log=await _log(request, query),
        periods={value: label for value, (label, _) in PERIODS.items()},
        can_edit=request.member.role.includes(Role.DEVELOPER),
    )


async def _log(request: PageRequest, query: LogQuery) -> LogView:
    log_filter, cursor = query.filter, query.cursor
    page = await request.ports.webhooks.repository.list_events(
        request.partner_id, log_filter, cursor
    )
    return LogView(
        rows=[EventView.of(event, PATH, now=request.now) for event in page.events],
        outcomes=outcome_options(query.fields.get("outcome", "")),
        types=type_options(query.fields.get("type", "")),
        fields=query.fields,
        errors=query.errors,
        is_filtered=not log_filter.is_empty,
        searched_back_to=page.searched_back_to,
        first=query.path(PATH) if cursor else None,
        older=query.path(PATH, cursor=page.next_cursor) if page.next_cursor else None,
    )


def form_route(path: str, handle: Handler, step_up: StepUp = StepUp.NOT_NEEDED) -> Route:
    """Return the route of a form for developers and owners.

    Sending events again sends the stored URL only what it was sent before.
    """
    return Route(
        method="POST",
        path=path,
        handle=handle,
        role=Role.DEVELOPER,
        section=Section.WEBHOOKS,
        step_up=step_up,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.WEBHOOKS),
    form_route(PATH, save, StepUp.IF_ON),
    form_route(f"{PATH}/test", test),
    form_route(f"{PATH}/replay", resend_selected),
    form_route(f"{PATH}/replay-failed", resend_failed),
)
