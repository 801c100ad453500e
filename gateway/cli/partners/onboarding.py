"""`swapgate partner create`, `password` and `second-factor-off`: what partners sign in with."""

from typing import Annotated
from uuid import UUID

import msgspec
import typer

from domain.actions.operator.partners import (
    create_partner,
    reset_password,
    turn_off_second_factor,
)
from domain.actions.partners.create_partner import NewPartner
from domain.webhooks.signatures import standard_secret
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, run
from gateway.cli.output import show
from gateway.instance import Role

Who = Annotated[str, typer.Argument(metavar="WHO", help="A partner's e-mail address or id.")]
Member = Annotated[
    str, typer.Argument(metavar="MEMBER", help="A cabinet member's e-mail address or id.")
]
PartnerOrMember = Annotated[
    str,
    typer.Argument(metavar="WHO", help="The e-mail address or id of a cabinet member or partner."),
]
Email = Annotated[str, typer.Option(help="The partner's e-mail address.")]
Name = Annotated[
    str | None, typer.Option(help="The partner's name; by default its e-mail address.")
]
WebhookUrl = Annotated[str | None, typer.Option(help="Where events are sent; empty for none.")]
MarkupBps = Annotated[int, typer.Option(help="Default markup, 0..2000 basis points.")]


class CreatedPartnerOut(msgspec.Struct, rename="camel"):
    """A new partner and its credentials."""

    id: UUID
    email: str
    api_key: str
    api_secret: str
    webhook_secret: str
    standard_webhook_secret: str


def create(
    *,
    email: Email,
    name: Name = None,
    webhook_url: WebhookUrl = None,
    markup_bps: MarkupBps = 0,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create a partner and print its credentials, which are not shown again."""
    new = NewPartner(email=email, name=name, webhook_url=webhook_url, markup_bps=markup_bps)
    created = run(
        Role.ADMIN,
        data_dir,
        lambda ports: create_partner(ports.partners(), new),
        subject=email,
        reason=reason,
    )
    document = CreatedPartnerOut(
        id=created.partner.id,
        email=created.partner.email,
        api_key=created.credentials.api_key,
        api_secret=created.credentials.api_secret,
        webhook_secret=created.credentials.webhook_secret,
        standard_webhook_secret=standard_secret(created.credentials.webhook_secret),
    )
    show(document, as_json=as_json)


def password(
    who: PartnerOrMember,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set a new one-time password for the cabinet and print it; it is not shown again."""
    new = run(
        Role.ADMIN, data_dir, lambda ports: reset_password(ports.partners(), who), reason=reason
    )
    show(new, as_json=as_json)


def second_factor_off(
    who: Member, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Turn off the second factor of a member who lost it: verify the member's identity first."""
    email = run(
        Role.ADMIN,
        data_dir,
        lambda ports: turn_off_second_factor(ports.partners(), who),
        reason=reason,
    )
    show({"email": email, "secondFactor": False}, as_json=as_json)
