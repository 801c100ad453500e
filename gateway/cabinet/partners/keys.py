"""`/partner/keys`: API keys, their rotation, signature versions, IP allowlists and labels."""

from collections.abc import Mapping
from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.keys import messages
from cabinet_htmx.partner.keys.key_view import SECRETS, KeysView, NewKeyForm, new_key, new_secret
from domain.actions.partners.manage_keys import (
    NewKey,
    create_key,
    find_key,
    label_key,
    list_keys,
    require_v2,
    restrict_key,
    revoke_key,
)
from domain.actions.partners.rotate_keys import rotate_keys
from domain.cabinet.members import Role
from domain.errors import InvalidCommand, KeyLimitReached, NotFound, RotationConflict
from domain.partners.api_keys import ApiKey
from domain.partners.codes import checked_label
from domain.partners.credentials import SecretName
from domain.partners.ip_allowlist import InvalidAllowlist, parse_allowed
from domain.partners.scopes import Scope
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Handler, Route, Section, StepUp

PATH: Final = Section.KEYS.path
MAX_DIGITS: Final = 9
EMPTY_FORM: Final = NewKeyForm()


async def show(request: PageRequest) -> Response:
    """Show all keys, and the settings of one of them."""
    return await _page(request)


async def create(request: PageRequest) -> Response:
    """Create a key, and show it with its secret once."""
    form = NewKeyForm(request.form.get("label", "").strip(), request.form.get("scope", ""))
    scope = _scope(form.scope)
    try:
        label = checked_label(form.label)
    except InvalidCommand:
        return await _new_key_page(request, form, messages.INVALID_LABEL, status=422)
    try:
        created = await create_key(
            request.ports.keys, request.partner_id, NewKey(scope=scope, label=label)
        )
    except KeyLimitReached:
        return await _new_key_page(request, form, messages.LIMIT_REACHED, status=409)
    await request.record("Created an API key", _described(created.key))
    return request.page("keys/new_key.html", new=new_key(created))


async def label(request: PageRequest) -> Response:
    """Change the label of a key."""
    key = await _key(request)
    text = request.form.get("label", "").strip()
    try:
        await label_key(request.ports.keys, request.partner_id, key.id, text)
    except InvalidCommand:
        errors = {"label": messages.INVALID_LABEL}
        return await _page(request, 422, key=key, label=text, errors=errors)
    await request.record("Changed the label of an API key", f"{key.api_key}: {text or 'no label'}")
    return await request.redirect(_path(request), messages.LABEL_CHANGED)


async def revoke(request: PageRequest) -> Response:
    """Revoke a key."""
    if not request.form.get("key"):
        raise NotFound("the form names no key")
    key = await _key(request)
    await revoke_key(request.ports.keys, request.partner_id, key.id)
    await request.record("Revoked an API key", _described(key))
    return await request.redirect(PATH, messages.REVOKED)


async def rotate(request: PageRequest) -> Response:
    """Replace a secret, and show the new one once.

    The form carries the generation of secrets that its page showed: submitted twice, or after
    another rotation, it changes nothing.
    """
    name = _secret_name(request.parameters["name"])
    generation = _number(request.form.get("generation", ""))
    overlap = _number(request.form.get("overlap") or "0") if name is SecretName.API else 0
    key = await _key(request)
    try:
        new = await rotate_keys(
            request.ports.rotation,
            request.partner_id,
            key.id,
            generation=generation,
            names=[name],
            overlap_seconds=overlap,
        )
    except RotationConflict:
        return await request.redirect(_path(request), messages.ROTATED_MEANWHILE, success=False)
    await request.record(f"Rotated the {name.value}", _rotated(name, key, overlap))
    secret = new.api_secret if name is SecretName.API else new.webhook_secret
    return request.page("keys/new_secret.html", new=new_secret(name, secret or ""))


async def save_allowlist(request: PageRequest) -> Response:
    """Replace the IP allowlist of a key."""
    key = await _key(request)
    text = request.form.get("networks", "")
    try:
        networks = parse_allowed(text)
    except InvalidAllowlist as rejected:
        errors = {"networks": messages.allowlist_error(rejected)}
        return await _page(request, 422, key=key, allowlist=text, errors=errors)
    await restrict_key(request.ports.keys, request.partner_id, key.id, networks)
    await request.record("Changed the IP allowlist", ", ".join(networks) or "any address")
    return await request.redirect(_path(request), messages.allowlist_changed(networks))


async def save_v2_only(request: PageRequest) -> Response:
    """Reject a key's calls signed with version 1, or accept them again."""
    chosen = request.form.get("accept", "")
    if chosen not in ("v2", "all"):
        raise InvalidCommand("no such choice of signature versions")
    v2_only = chosen == "v2"
    key = await _key(request)
    await require_v2(request.ports.keys, request.partner_id, key.id, v2_only=v2_only)
    await request.record(
        "Changed the accepted signatures", "version 2 only" if v2_only else "versions 1 and 2"
    )
    return await request.redirect(_path(request), messages.v2_only_changed(v2_only=v2_only))


async def _key(request: PageRequest) -> ApiKey:
    """Return the key that a form names, or the oldest one where it names none."""
    return await find_key(request.ports.keys, request.partner_id, request.form.get("key") or None)


def _path(request: PageRequest) -> str:
    """Return the path of the page with the settings of the key that a form named."""
    key = request.form.get("key")
    return f"{PATH}?key={key}" if key else PATH


def _described(key: ApiKey) -> str:
    return f"{key.api_key}: {key.label or 'no label'}, scope {key.scope.value}"


def _rotated(name: SecretName, key: ApiKey, overlap: int) -> str:
    if name is SecretName.WEBHOOK:
        return ""
    return f"{key.api_key}, the one before is valid for {overlap} s" if overlap else key.api_key


def _number(text: str) -> int:
    """Return a whole number that fits the database's type; raise InvalidCommand."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise InvalidCommand("malformed number")
    return int(text)


def _secret_name(text: str) -> SecretName:
    try:
        return SecretName(text)
    except ValueError:
        raise NotFound("no such secret") from None


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise InvalidCommand("no such scope") from None


async def _new_key_page(
    request: PageRequest, form: NewKeyForm, error: str, *, status: int
) -> Response:
    return await _page(request, status, form=NewKeyForm(form.label, form.scope, {"label": error}))


async def _page(
    request: PageRequest,
    status: int = 200,
    *,
    key: ApiKey | None = None,
    allowlist: str | None = None,
    label: str | None = None,
    form: NewKeyForm = EMPTY_FORM,
    errors: Mapping[str, str] | None = None,
) -> Response:
    keys = await list_keys(request.ports.keys, request.partner_id)
    named = request.query.get("key")
    if key is None:
        chosen = [one for one in keys.active if named is None or str(one.id) == named]
        if named is not None and not chosen:
            raise NotFound("no such key")
        key = chosen[0] if chosen else None
    if key is not None:
        allowlist = "\n".join(key.ip_allowlist) if allowlist is None else allowlist
        label = key.label or "" if label is None else label
    view = KeysView(all=keys, key=key, allowlist=allowlist or "", label=label or "", form=form)
    return request.page(
        "keys/keys.html", status=status, keys=view, secrets=SECRETS, errors=errors or {}
    )


def _action(path: str, handle: Handler) -> Route:
    return Route(
        method="POST",
        path=path,
        handle=handle,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        step_up=StepUp.REQUIRED,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.DEVELOPER, section=Section.KEYS),
    _action(f"{PATH}/new", create),
    _action(f"{PATH}/label", label),
    _action(f"{PATH}/revoke", revoke),
    _action(f"{PATH}/rotate/{{name}}", rotate),
    _action(f"{PATH}/signatures", save_v2_only),
    _action(f"{PATH}/networks", save_allowlist),
)
