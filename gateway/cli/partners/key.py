"""`swapgate key`: a partner's API keys, their scopes, and the signatures that they accept."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from domain.actions.partners.manage_keys_for_operator import (
    PartnerKey,
    create_key,
    label_key,
    list_keys,
    require_v2,
    revoke_key,
    show_key,
)
from domain.partners.scopes import Scope
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.instance import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.wiring.operator.ports import OperatorPorts

app = group("API keys: scopes, labels, and the signatures that they accept.")

COLUMNS = ("api_key", "label", "scope", "used_at", "revoked_at")

Key = Annotated[str, typer.Argument(metavar="KEY", help="The apiKey, or the id of the key.")]
OneKey = Annotated[
    str | None, typer.Option("--key", help="The apiKey, or the id; by default the oldest key.")
]
ScopeOf = Annotated[Scope, typer.Option(help="What the key may be used for.")]
Label = Annotated[str, typer.Option(help="A label; empty for none.")]
NewLabel = Annotated[str, typer.Argument(metavar="LABEL", help="The new label; empty for none.")]
V2Only = Annotated[
    bool,
    typer.Option(
        "--signature-v2-only/--no-signature-v2-only",
        help="Reject calls signed with version 1, or accept them.",
    ),
]


class SignaturesOut(msgspec.Struct, rename="camel", kw_only=True):
    """An API key, and the versions of the signature that it accepts and has used."""

    email: str
    api_key: str
    signature_v2_only: bool
    signature_v2_used: bool


class KeyOut(SignaturesOut, rename="camel", kw_only=True):
    """An API key and its rules."""

    id: UUID
    label: str | None
    scope: str
    ip_allowlist: list[str]
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class CreatedKeyOut(msgspec.Struct, rename="camel"):
    """A new key and its secret."""

    email: str
    api_key: str
    api_secret: str
    scope: str
    label: str | None
    signature_v2_only: bool


@app.command("create")
def create(
    who: Who,
    *,
    scope: ScopeOf = Scope.FULL,
    label: Label = "",
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create an API key of a partner and print its secret, which is not shown again."""
    email, created = run(
        Role.ADMIN,
        data_dir,
        lambda ports: create_key(ports.keys(), who, scope=scope, label=label),
        reason=reason,
    )
    document = CreatedKeyOut(
        email=email,
        api_key=created.key.api_key,
        api_secret=created.api_secret,
        scope=created.key.scope.value,
        label=created.key.label,
        signature_v2_only=created.key.signature_v2_only,
    )
    show(document, as_json=as_json)


@app.command("list")
def list_all(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List a partner's API keys, oldest first and revoked ones last."""
    email, keys = read(Role.ADMIN, data_dir, lambda ports: list_keys(ports.keys(), who))
    documents = [_key_out(PartnerKey(email, key)) for key in keys]
    table = [{name: getattr(one, name) for name in COLUMNS} for one in documents]
    show(documents, as_json=as_json, table=table, narrow=("api_key", "scope"))


@app.command("show")
def show_one(
    who: Who, *, key: OneKey = None, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the signatures that the oldest API key accepts, or all rules of the key named."""
    found = read(Role.ADMIN, data_dir, lambda ports: show_key(ports.keys(), who, key))
    show(_signatures_out(found) if key is None else _key_out(found), as_json=as_json)


@app.command("label")
def label_one(
    who: Who,
    key: Key,
    label: NewLabel,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Change the label of an API key."""
    _change(
        lambda ports: label_key(ports.keys(), who, key, label),
        lambda ports: _stored(ports, who, key),
        data_dir,
        reason=reason,
        as_json=as_json,
    )


@app.command("set")
def change(
    who: Who,
    *,
    key: OneKey = None,
    signature_v2_only: V2Only,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the signatures that an API key accepts."""
    changed = run(
        Role.ADMIN,
        data_dir,
        lambda ports: require_v2(ports.keys(), who, key, v2_only=signature_v2_only),
        reason=reason,
        state=lambda ports: _stored(ports, who, key),
    )
    show(_signatures_out(changed) if key is None else _key_out(changed), as_json=as_json)


@app.command("revoke")
def revoke(
    who: Who,
    key: Key,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key: calls with it are rejected from now on, and it cannot be used again."""
    _change(
        lambda ports: revoke_key(ports.keys(), who, key),
        lambda ports: _stored(ports, who, key),
        data_dir,
        reason=reason,
        as_json=as_json,
    )


def _change(
    work: "Callable[[OperatorPorts], Awaitable[PartnerKey]]",
    state: "Callable[[OperatorPorts], Awaitable[KeyOut]]",
    data_dir: DataDir,
    *,
    reason: str,
    as_json: bool,
) -> None:
    changed = run(Role.ADMIN, data_dir, work, reason=reason, state=state)
    show(_key_out(changed), as_json=as_json)


async def _stored(ports: "OperatorPorts", who: str, key: str | None) -> KeyOut:
    return _key_out(await show_key(ports.keys(), who, key))


def _signatures_out(found: PartnerKey) -> SignaturesOut:
    return SignaturesOut(
        email=found.email,
        api_key=found.key.api_key,
        signature_v2_only=found.key.signature_v2_only,
        signature_v2_used=found.key.signature_v2_used,
    )


def _key_out(found: PartnerKey) -> KeyOut:
    key = found.key
    return KeyOut(
        email=found.email,
        id=key.id,
        api_key=key.api_key,
        label=key.label,
        scope=key.scope.value,
        ip_allowlist=list(key.ip_allowlist),
        signature_v2_only=key.signature_v2_only,
        signature_v2_used=key.signature_v2_used,
        created_at=key.created_at,
        used_at=key.used_at,
        revoked_at=key.revoked_at,
    )
