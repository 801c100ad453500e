"""`swapgate key`: which versions of the signature a partner's API key accepts."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.actions.operator.partners import change_partner, show_partner
from domain.partners.partner import Partner, PartnerChange
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

app = group("API keys: the signatures that they accept.")

V2Only = Annotated[
    bool,
    typer.Option(
        "--signature-v2-only/--no-signature-v2-only",
        help="Reject calls signed with version 1, or accept them.",
    ),
]


class KeyOut(msgspec.Struct, rename="camel"):
    """A partner's API key, and the versions of the signature that it accepts and has used."""

    email: str
    api_key: str
    signature_v2_only: bool
    signature_v2_used: bool


@app.command("show")
def show_one(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show the signatures that a partner's API key accepts."""
    partner = read(Role.ADMIN, data_dir, lambda ports: show_partner(ports.partners(), who))
    show(_key_out(partner), as_json=as_json)


@app.command("set")
def change(
    who: Who,
    *,
    signature_v2_only: V2Only,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the signatures that a partner's API key accepts."""
    partner = run(
        Role.ADMIN,
        data_dir,
        lambda ports: change_partner(
            ports.partners(), who, PartnerChange(signature_v2_only=signature_v2_only)
        ),
        reason=reason,
        state=lambda ports: _stored(ports, who),
    )
    show(_key_out(partner), as_json=as_json)


async def _stored(ports: "OperatorPorts", who: str) -> KeyOut:
    return _key_out(await show_partner(ports.partners(), who))


def _key_out(partner: Partner) -> KeyOut:
    return KeyOut(
        email=partner.email,
        api_key=partner.api_key,
        signature_v2_only=partner.signature_v2_only,
        signature_v2_used=partner.signature_v2_used,
    )
