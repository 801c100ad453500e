"""`swapgate webhooks`: deliver events; see how they fared, send them again, send a test."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from domain.errors import NotFound
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary, LoggedAttempt
from domain.webhooks.events import webhook_test
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, run, settings_of
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.cli.processes.processes import MetricsPort, run_until_stopped
from gateway.runtime.clock import new_id
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

MAX_LISTED = 1_000
TEST_SECONDS = 15.0
POLL_INTERVAL_SECONDS = 0.1

app = typer.Typer(
    help="Deliver events (without a subcommand); see how they fared, send them again."
)

Statuses = Annotated[
    list[EventStatus] | None, typer.Option("--status", help="Only of this status; repeat.")
]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="At most so many.")]
EventId = Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event's id.")]
What = Annotated[
    str, typer.Argument(metavar="EVENT_ID|WHO", help="An event; with --since, a partner.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="A partner's events from then on, ISO 8601.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="... and before then; else now.")]
Delivered = Annotated[
    bool, typer.Option("--delivered", help="Those delivered before as well, not only the dead.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait to see how the first attempt goes.")
]


class AttemptOut(msgspec.Struct, rename="camel"):
    """An attempt."""

    attempt: int
    started_at: datetime
    latency_ms: int
    http_status: int | None
    error: str | None
    answer: str | None


class EventOut(msgspec.Struct, rename="camel"):
    """An event without its body."""

    id: UUID
    type: str
    status: str
    dedup_key: str
    order_id: UUID | None
    attempts: int
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None
    last_attempt: AttemptOut | None


class ShownEventOut(msgspec.Struct, rename="camel"):
    """An event with its body, as text, and all its attempts."""

    event: EventOut
    partner_id: UUID
    body: str
    log: list[AttemptOut]


@app.callback(invoke_without_command=True)
def deliver(
    context: typer.Context, metrics_port: MetricsPort = 0, data_dir: DataDir = DATA_DIR
) -> None:
    """Deliver events until told to stop: run as many as you like."""
    if context.invoked_subcommand is not None:
        for name in ("metrics_port", "data_dir"):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                raise Failure(
                    f"--{name.replace('_', '-')} goes behind {context.invoked_subcommand}"
                )
        return
    settings = settings_of(Role.GATEWAY, data_dir)
    from gateway.wiring.webhooks import run_webhooks

    run_until_stopped(run_webhooks(settings, metrics_port=metrics_port), metrics_port=metrics_port)


@app.command("list")
def list_newest(
    who: Who,
    *,
    status: Statuses = None,
    limit: Limit = 50,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List a partner's newest events, newest first."""
    found = run(Role.ADMIN, data_dir, lambda operator: _newest(operator, who, status, limit))
    show(
        [_event_out(event) for event in found],
        as_json=as_json,
        table=[_one_line(event) for event in found],
    )


@app.command("show")
def show_one(event_id: EventId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show an event, what it says, and every attempt to deliver it."""
    from persistence.postgres.webhooks.events import read_event

    shown = run(
        Role.ADMIN, data_dir, lambda operator: read_event(operator.database, _parse_id(event_id))
    )
    show(_shown_out(shown), as_json=as_json, table=_for_people(shown))


@app.command()
def replay(
    what: What,
    *,
    since: Since = None,
    until: Until = None,
    delivered: Delivered = False,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Send an event again, with the same id and the same bytes; or a partner's dead ones."""

    async def work(operator: "OperatorPorts") -> int:
        if since is None:
            if until is not None or delivered:
                raise Failure("--until and --delivered go with --since TIME, and a partner")
            return await _replay_one(operator, _parse_id(what))
        return await _replay_some(operator, what, since, until, delivered=delivered)

    show({"replayed": run(Role.ADMIN, data_dir, work)}, as_json=as_json)


@app.command("test")
def send_test(
    who: Who, *, wait: Wait = True, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Send a partner a test event; to an endpoint that was gone, sending resumes if it is taken."""
    found = run(Role.ADMIN, data_dir, lambda operator: _test(operator, who, wait=wait))
    show(_event_out(found), as_json=as_json, table=_one_line(found))


async def _newest(
    operator: "OperatorPorts", who: str, statuses: list[EventStatus] | None, limit: int
) -> list[EventSummary]:
    from persistence.postgres.partners.partners import find_partner
    from persistence.postgres.webhooks.events import list_events

    partner = await find_partner(operator.database, who)
    return await list_events(
        operator.database, partner.id, statuses=statuses or list(EventStatus), limit=limit
    )


async def _replay_one(operator: "OperatorPorts", event_id: UUID) -> int:
    from persistence.postgres.webhooks.replay import replay_events

    if not await replay_events(operator.database, [event_id], now=operator.clock.now()):
        raise NotFound(f"there is no event {event_id}")
    return 1


async def _replay_some(
    operator: "OperatorPorts", who: str, since: str, until: str | None, *, delivered: bool
) -> int:
    from persistence.postgres.partners.partners import find_partner
    from persistence.postgres.webhooks.replay import replay_settled

    partner = await find_partner(operator.database, who)
    now = operator.clock.now()
    return await replay_settled(
        operator.database,
        partner.id,
        since=_parse_time(since),
        until=_parse_time(until) if until else now,
        include_delivered=delivered,
        include_deleted_orders=True,
        now=now,
    )


async def _test(operator: "OperatorPorts", who: str, *, wait: bool) -> EventSummary:
    from persistence.postgres.partners.partners import find_partner
    from persistence.postgres.webhooks.events import read_event
    from persistence.postgres.webhooks.outbox import enqueue_test_event

    partner = await find_partner(operator.database, who)
    event = webhook_test(new_id(), partner.id, at=operator.clock.now())
    if not await enqueue_test_event(operator.database, event):
        raise Failure(
            f"There is no webhook URL of {partner.email}: `swapgate partner set` gives one"
        )
    until = asyncio.get_running_loop().time() + (TEST_SECONDS if wait else 0)
    while True:
        found = (await read_event(operator.database, event.id)).event
        if found.last is not None or asyncio.get_running_loop().time() >= until:
            return found
        await asyncio.sleep(POLL_INTERVAL_SECONDS)


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text!r} is not an event's id") from None


def _parse_time(text: str) -> datetime:
    """Read a moment; without an offset it is UTC, without a time the day's beginning."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text!r} is not a time like 2026-05-01T12:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _attempt_out(attempt: LoggedAttempt) -> AttemptOut:
    return AttemptOut(
        attempt=attempt.attempt,
        started_at=attempt.started_at,
        latency_ms=attempt.latency_ms,
        http_status=attempt.http_status,
        error=attempt.error,
        answer=attempt.response_body,
    )


def _event_out(event: EventSummary) -> EventOut:
    return EventOut(
        id=event.id,
        type=event.type,
        status=event.status.value,
        dedup_key=event.dedup_key,
        order_id=event.order_id,
        attempts=event.attempts,
        created_at=event.created_at,
        due_at=event.due_at if event.status is EventStatus.PENDING else None,
        finished_at=event.finished_at,
        last_attempt=_attempt_out(event.last) if event.last else None,
    )


def _shown_out(shown: EventDetails) -> ShownEventOut:
    return ShownEventOut(
        event=_event_out(shown.event),
        partner_id=shown.partner_id,
        body=shown.body,
        log=[_attempt_out(attempt) for attempt in shown.attempts],
    )


def _one_line(event: EventSummary) -> dict[str, object]:
    return {
        "id": event.id,
        "status": event.status.value,
        "dedup key": event.dedup_key,
        "attempts": event.attempts,
        "outcome": _outcome(event.last) if event.last else None,
        "created": event.created_at,
        "due": event.due_at if event.status is EventStatus.PENDING else None,
    }


def _outcome(attempt: LoggedAttempt) -> str:
    said = attempt.error or f"HTTP {attempt.http_status}"
    return f"{said} after {attempt.latency_ms} ms"


def _for_people(shown: EventDetails) -> dict[str, object]:
    log = {
        f"attempt {attempt.attempt}, {attempt.started_at}": " | ".join(
            part for part in (_outcome(attempt), attempt.response_body) if part
        )
        for attempt in shown.attempts
    }
    return {**_one_line(shown.event), "partner": shown.partner_id, "body": shown.body, **log}
