"""`swapgate webhooks`: deliver events; show events, replay them, send a test event."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from domain.actions.operator.webhooks import (
    list_events,
    replay_event,
    replay_period,
    send_test_event,
    show_event,
)
from domain.webhooks.delivery import EventStatus
from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    DataDir,
    Failure,
    Limit,
    Reason,
    read,
    run,
    settings_of,
)
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.cli.processes.processes import MetricsPort, check_database, run_until_stopped
from gateway.cli.webhooks.event_view import (
    NARROW,
    details_out,
    details_table,
    event_out,
    event_row,
)
from gateway.instance import Role, ValkeyUser

TEST_WAIT = timedelta(seconds=15)

app = typer.Typer(help="Deliver events (without a subcommand); show, replay and test them.")

Statuses = Annotated[
    list[EventStatus] | None, typer.Option("--status", help="Only with this status; repeatable.")
]
EventId = Annotated[str, typer.Argument(metavar="EVENT_ID", help="An event's id.")]
EventIdOrWho = Annotated[
    str, typer.Argument(metavar="EVENT_ID|WHO", help="An event; with --since, a partner.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="A partner's events from this time on, ISO 8601.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="... before this time; else now.")]
Delivered = Annotated[
    bool, typer.Option("--delivered", help="Delivered events as well, not only dead ones.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the result of the first attempt.")
]


@app.callback(invoke_without_command=True)
def deliver(
    context: typer.Context, metrics_port: MetricsPort = 0, data_dir: DataDir = DATA_DIR
) -> None:
    """Deliver events until stopped; several processes can run at once."""
    if context.invoked_subcommand is not None:
        for name in ("metrics_port", "data_dir"):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                option = f"--{name.replace('_', '-')}"
                raise Failure(f"{option} must follow {context.invoked_subcommand}")
        return
    settings = settings_of(Role.GATEWAY, data_dir, valkey_user=ValkeyUser.WEBHOOKS)
    check_database(settings, Role.GATEWAY)
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
    found = read(
        Role.ADMIN,
        data_dir,
        lambda ports: list_events(ports.webhooks(), who, statuses=status or (), limit=limit),
    )
    documents = [event_out(event) for event in found]
    show(documents, as_json=as_json, table=[event_row(event) for event in found], narrow=NARROW)


@app.command("show")
def show_one(event_id: EventId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show an event with its body and every attempt to deliver it."""
    known = _parse_event_id(event_id)
    details = read(Role.ADMIN, data_dir, lambda ports: show_event(ports.webhooks(), known))
    show(details_out(details), as_json=as_json, table=details_table(details))


@app.command()
def replay(
    event_id_or_who: EventIdOrWho,
    *,
    since: Since = None,
    until: Until = None,
    delivered: Delivered = False,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Send an event again, with the same id and bytes; or, with --since, a partner's dead ones."""
    if since is None:
        if until is not None or delivered:
            raise Failure("--until and --delivered require --since TIME and a partner")
        event_id = _parse_event_id(event_id_or_who)
        count = run(
            Role.ADMIN,
            data_dir,
            lambda ports: replay_event(ports.webhooks(), event_id),
            reason=reason,
        )
    else:
        first, end = _parse_time(since), None if until is None else _parse_time(until)
        count = run(
            Role.ADMIN,
            data_dir,
            lambda ports: replay_period(
                ports.webhooks(),
                event_id_or_who,
                since=first,
                until=end,
                include_delivered=delivered,
            ),
            reason=reason,
        )
    show({"replayed": count}, as_json=as_json)


@app.command("test")
def send_test(
    who: Who,
    *,
    wait: Wait = True,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Send a partner a test event; an endpoint that was gone and accepts it gets events again."""
    timeout = TEST_WAIT if wait else timedelta()
    event = run(
        Role.ADMIN,
        data_dir,
        lambda ports: send_test_event(ports.webhooks(), who, wait=timeout),
        reason=reason,
    )
    show(event_out(event), as_json=as_json, table=event_row(event))


def _parse_event_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Failure(f"{text!r} is not an event's id") from None


def _parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; without an offset it is UTC, without a time the start of the day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text!r} is not a time like 2026-05-01T12:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
