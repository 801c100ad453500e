"""`swapgate partner create`, `password` and `second-factor-off`: what partners sign in with."""

import secrets
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from domain.actions.cabinet.manage_team import one_time_password
from domain.actions.partners.create_partner import CreatedPartner, NewPartner, create_partner
from domain.actions.partners.ports import OnboardingPorts
from gateway.cli.command import DATA_DIR, AsJson, DataDir, run
from gateway.cli.output import show
from gateway.runtime.clock import new_id
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

Who = Annotated[str, typer.Argument(help="A partner's e-mail address or id.")]
Member = Annotated[str, typer.Argument(help="Who signs in to a cabinet: e-mail address or id.")]
Email = Annotated[str, typer.Option(help="The address the partner is known by.")]
Name = Annotated[str | None, typer.Option(help="Its name; without one, the e-mail address.")]
WebhookUrl = Annotated[str | None, typer.Option(help="Where its events go; empty for nowhere.")]
MarkupBps = Annotated[int, typer.Option(help="Its default markup, 0..2000 basis points.")]


class CreatedPartnerOut(msgspec.Struct, rename="camel"):
    """A new partner and its credentials."""

    id: UUID
    email: str
    api_key: str
    api_secret: str
    webhook_secret: str


def create(
    *,
    email: Email,
    name: Name = None,
    webhook_url: WebhookUrl = None,
    markup_bps: MarkupBps = 0,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create a partner and print its three credentials, this once."""
    wanted = NewPartner(email=email, name=name, webhook_url=webhook_url, markup_bps=markup_bps)
    created = run(Role.ADMIN, data_dir, lambda operator: _create(operator, wanted))
    show(
        CreatedPartnerOut(
            id=created.partner.id,
            email=created.partner.email,
            api_key=created.credentials.api_key,
            api_secret=created.credentials.api_secret,
            webhook_secret=created.credentials.webhook_secret,
        ),
        as_json=as_json,
    )


def password(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Set a fresh one-time password for the cabinet and print it, this once."""
    show(run(Role.ADMIN, data_dir, lambda operator: _password(operator, who)), as_json=as_json)


def second_factor_off(
    who: Member, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Turn off the second factor of somebody who has lost it: check first who is asking."""
    show(
        run(Role.ADMIN, data_dir, lambda operator: _second_factor_off(operator, who)),
        as_json=as_json,
    )


async def _second_factor_off(operator: "OperatorPorts", who: str) -> dict[str, object]:
    from persistence.postgres.cabinet.second_factors import turn_off_for

    email = await turn_off_for(operator.database, who, entry_id=new_id(), now=operator.clock.now())
    return {"email": email, "secondFactor": False}


async def _create(operator: "OperatorPorts", wanted: NewPartner) -> CreatedPartner:
    from persistence.postgres.partners.partners import create_partner as store_partner

    keyring = operator.keyring()
    ports = OnboardingPorts(
        clock=operator.clock,
        store=lambda partner, credentials, now: store_partner(
            operator.database, keyring, partner, credentials, now=now
        ),
        new_id=new_id,
        randomness=secrets.token_bytes,
        insecure_webhooks=operator.settings.insecure_webhooks,
    )
    created = await create_partner(ports, wanted)
    await operator.announce()
    return created


async def _password(operator: "OperatorPorts", who: str) -> dict[str, str]:
    from persistence.passwords.hashing import hash_password
    from persistence.postgres.partners.partners import find_partner, set_password

    partner = await find_partner(operator.database, who)
    fresh = one_time_password(secrets.token_bytes)
    email = await set_password(
        operator.database,
        user_id=new_id(),
        partner_id=partner.id,
        password_hash=hash_password(fresh),
        one_time=True,
        now=operator.clock.now(),
    )
    return {"email": email, "password": fresh}
