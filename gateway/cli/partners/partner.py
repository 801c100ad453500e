"""`swapgate partner`: list, show and change partners."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from domain.partners.partner import Partner, PartnerChange, checked_change
from domain.webhooks.events import parse_event_types
from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.output import show
from gateway.cli.partners import onboarding
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

app = group("Partners: the API's customers.")

Who = onboarding.Who
MarkupBps = Annotated[int | None, typer.Option(help="Its default markup, 0..2000 basis points.")]
Events = Annotated[str | None, typer.Option(help="Events it gets, by comma; empty for none.")]
ShareBps = Annotated[
    int | None, typer.Option(help="Its share of the service fee, 0..10000 basis points.")
]
Budget = Annotated[int | None, typer.Option(help="Weight units it may spend in 60 seconds.")]
MaxCodes = Annotated[int | None, typer.Option(help="Reference codes it may have.")]
Standard = Annotated[
    bool | None,
    typer.Option(
        "--standard-webhooks/--no-standard-webhooks", help="Sign events the standard way as well."
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
    from persistence.postgres.partners.partners import list_partners

    found = run(Role.ADMIN, data_dir, lambda operator: list_partners(operator.database))
    people = [
        {"id": one.id, "email": one.email, "name": one.name, "enabled": one.enabled}
        for one in found
    ]
    show([_partner_out(one) for one in found], as_json=as_json, table=people)


@app.command("show")
def show_one(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show a partner's settings; its secrets are never shown again."""
    from persistence.postgres.partners.partners import find_partner

    found = run(Role.ADMIN, data_dir, lambda operator: find_partner(operator.database, who))
    show(_partner_out(found), as_json=as_json)


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
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Change a partner's settings; what isn't named stays as it is."""

    async def work(operator: "OperatorPorts") -> Partner:
        wanted = PartnerChange(
            webhook_url=webhook_url,
            webhook_events=None if events is None else parse_event_types(_names(events)),
            standard_webhooks=standard_webhooks,
            markup_bps=markup_bps,
            base_fee_share_bps=base_fee_share_bps,
            budget=budget,
            max_codes=max_codes,
        )
        return await _change(operator, who, wanted)

    show(_partner_out(run(Role.ADMIN, data_dir, work)), as_json=as_json)


@app.command()
def enable(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let a partner call again."""
    wanted = PartnerChange(enabled=True)
    changed = run(Role.ADMIN, data_dir, lambda operator: _change(operator, who, wanted))
    show(_partner_out(changed), as_json=as_json)


@app.command()
def disable(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Refuse a partner's calls from now on."""
    wanted = PartnerChange(enabled=False)
    changed = run(Role.ADMIN, data_dir, lambda operator: _change(operator, who, wanted))
    show(_partner_out(changed), as_json=as_json)


app.command()(onboarding.password)
app.command("second-factor-off")(onboarding.second_factor_off)


async def _change(operator: "OperatorPorts", who: str, wanted: PartnerChange) -> Partner:
    from persistence.postgres.partners.partners import change_partner, find_partner

    partner = await find_partner(operator.database, who)
    checked = checked_change(wanted, insecure_webhooks=operator.settings.insecure_webhooks)
    changed = await change_partner(operator.database, partner.id, checked)
    await operator.announce()
    return changed


def _names(events: str) -> list[str]:
    return [name.strip() for name in events.split(",") if name.strip()]


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
