"""`swapgate partner`: list, show and change partners."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from domain.actions.operator.partners import change_partner, list_partners, show_partner
from domain.errors import InvalidCommand
from domain.partners.partner import Partner, PartnerChange
from domain.webhooks.events import EventType
from domain.webhooks.subscriptions import parse_event_types
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, group, read, run
from gateway.cli.output import show
from gateway.cli.partners import onboarding
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Partners, the customers of the API.")

COLUMNS = ("id", "email", "name", "enabled")

Who = onboarding.Who
MarkupBps = Annotated[int | None, typer.Option(help="Default markup, 0..2000 basis points.")]
Events = Annotated[
    str | None, typer.Option(help="Events to send, separated by commas; empty for none.")
]
ShareBps = Annotated[
    int | None, typer.Option(help="Share of the service fee, 0..10000 basis points.")
]
Budget = Annotated[int | None, typer.Option(help="Weight units allowed in 60 seconds.")]
MaxCodes = Annotated[int | None, typer.Option(help="Maximum number of reference codes.")]
Standard = Annotated[
    bool | None,
    typer.Option(
        "--standard-webhooks/--no-standard-webhooks",
        help="Add the signature headers of Standard Webhooks.",
    ),
]


class PartnerOut(msgspec.Struct, rename="camel"):
    """A partner without its secrets."""

    id: UUID
    email: str
    name: str
    enabled: bool
    api_key: str
    webhook_url: str | None
    events: list[str]
    standard_webhooks: bool
    markup_bps: int
    base_fee_share_bps: int
    budget: int
    max_codes: int


app.command()(onboarding.create)


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all partners, oldest first."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_partners(ports.partners()))
    table = [{name: getattr(partner, name) for name in COLUMNS} for partner in found]
    documents = [_partner_out(partner) for partner in found]
    show(documents, as_json=as_json, table=table, narrow=("id", "email"))


@app.command("show")
def show_one(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show a partner's settings, without its secrets."""
    partner = read(Role.ADMIN, data_dir, lambda ports: show_partner(ports.partners(), who))
    show(_partner_out(partner), as_json=as_json)


@app.command("set")
def change(
    who: Who,
    *,
    webhook_url: onboarding.WebhookUrl = None,
    events: Events = None,
    markup_bps: MarkupBps = None,
    base_fee_share_bps: ShareBps = None,
    budget: Budget = None,
    max_codes: MaxCodes = None,
    standard_webhooks: Standard = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Change the named settings of a partner; the others stay as they are."""
    changes = PartnerChange(
        webhook_url=webhook_url,
        webhook_events=None if events is None else _event_types(events),
        standard_webhooks=standard_webhooks,
        markup_bps=markup_bps,
        base_fee_share_bps=base_fee_share_bps,
        budget=budget,
        max_codes=max_codes,
    )
    _change(who, changes, data_dir, reason=reason, as_json=as_json)


@app.command()
def enable(
    who: Who, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Accept a partner's calls again."""
    _change(who, PartnerChange(enabled=True), data_dir, reason=reason, as_json=as_json)


@app.command()
def disable(
    who: Who, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Reject a partner's calls from now on."""
    _change(who, PartnerChange(enabled=False), data_dir, reason=reason, as_json=as_json)


app.command()(onboarding.password)
app.command("second-factor-off")(onboarding.second_factor_off)


def _change(
    who: str, changes: PartnerChange, data_dir: Path, *, reason: str, as_json: bool
) -> None:
    partner = run(
        Role.ADMIN,
        data_dir,
        lambda ports: change_partner(ports.partners(), who, changes),
        reason=reason,
        state=lambda ports: _stored(ports, who),
    )
    show(_partner_out(partner), as_json=as_json)


async def _stored(ports: "OperatorPorts", who: str) -> PartnerOut:
    return _partner_out(await show_partner(ports.partners(), who))


def _event_types(events: str) -> frozenset[EventType]:
    try:
        return parse_event_types(name.strip() for name in events.split(",") if name.strip())
    except InvalidCommand as error:
        raise Failure(str(error)) from None


def _partner_out(partner: Partner) -> PartnerOut:
    return PartnerOut(
        id=partner.id,
        email=partner.email,
        name=partner.name,
        enabled=partner.enabled,
        api_key=partner.api_key,
        webhook_url=partner.webhook_url,
        events=sorted(event.value for event in partner.webhook_events),
        standard_webhooks=partner.standard_webhooks,
        markup_bps=partner.markup_bps,
        base_fee_share_bps=partner.base_fee_share_bps,
        budget=partner.budget,
        max_codes=partner.max_codes,
    )
