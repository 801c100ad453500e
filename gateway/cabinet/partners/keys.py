"""`/partner/keys`: the API key, its rotation, signature versions and IP allowlist."""

from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner.keys.key_view import (
    ROTATED_MEANWHILE,
    SECRETS,
    KeyView,
    allowlist_changed,
    allowlist_error,
    new_secret,
    v2_only_changed,
)
from domain.actions.partners.rotate_keys import rotate_keys
from domain.cabinet.members import Role
from domain.errors import InvalidRequest, NotFound, RotationConflict
from domain.partners.credentials import SecretName
from domain.partners.ip_allowlist import InvalidAllowlist, parse_allowed
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section, StepUp

PATH = Section.KEYS.path
MAX_DIGITS = 9


async def show(request: PageRequest) -> Response:
    """Show the API key."""
    return await _page(request)


async def rotate(request: PageRequest) -> Response:
    """Replace a secret, and show the new one once.

    The form carries the generation of secrets that its page showed: submitted twice, or after
    another rotation, it changes nothing.
    """
    name = _secret_name(request.parameters["name"])
    generation = _generation(request.form.get("generation", ""))
    try:
        new = await rotate_keys(
            request.ports.rotation, request.partner_id, generation=generation, names=[name]
        )
    except RotationConflict:
        return await request.redirect(PATH, ROTATED_MEANWHILE, success=False)
    await request.record(f"Rotated the {name.value}")
    secret = new.api_secret if name is SecretName.API else new.webhook_secret
    return request.page("keys/new_secret.html", new=new_secret(name, secret or ""))


async def save_allowlist(request: PageRequest) -> Response:
    """Replace the IP allowlist."""
    text = request.form.get("networks", "")
    try:
        networks = parse_allowed(text)
    except InvalidAllowlist as rejected:
        errors = {"networks": allowlist_error(rejected)}
        return await _page(request, 422, text=text, errors=errors)
    await request.ports.keys.set_ip_allowlist(request.partner_id, networks)
    await request.ports.rotation.changed(request.partner_id)
    await request.record("Changed the IP allowlist", ", ".join(networks) or "any address")
    return await request.redirect(PATH, allowlist_changed(networks))


async def save_v2_only(request: PageRequest) -> Response:
    """Reject calls signed with version 1, or accept them again."""
    chosen = request.form.get("accept", "")
    if chosen not in ("v2", "all"):
        raise InvalidRequest("no such choice of signature versions")
    v2_only = chosen == "v2"
    await request.ports.keys.set_signature_v2_only(request.partner_id, v2_only=v2_only)
    await request.ports.rotation.changed(request.partner_id)
    await request.record(
        "Changed the accepted signatures", "version 2 only" if v2_only else "versions 1 and 2"
    )
    return await request.redirect(PATH, v2_only_changed(v2_only=v2_only))


def _generation(text: str) -> int:
    """Return a whole number that fits the database's type; raise InvalidRequest."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise InvalidRequest("malformed generation")
    return int(text)


def _secret_name(text: str) -> SecretName:
    try:
        return SecretName(text)
    except ValueError:
        raise NotFound("no such secret") from None


async def _page(
    request: PageRequest,
    status: int = 200,
    *,
    text: str | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    settings = await request.ports.keys.find(request.partner_id)
    allowlist = text if text is not None else "\n".join(settings.ip_allowlist)
    return request.page(
        "keys/keys.html",
        status=status,
        keys=KeyView(settings, allowlist),
        secrets=SECRETS,
        errors=errors or {},
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.DEVELOPER, section=Section.KEYS),
    Route(
        method="POST",
        path=f"{PATH}/rotate/{{name}}",
        handle=rotate,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        step_up=StepUp.REQUIRED,
    ),
    Route(
        method="POST",
        path=f"{PATH}/signatures",
        handle=save_v2_only,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        step_up=StepUp.REQUIRED,
    ),
    Route(
        method="POST",
        path=f"{PATH}/networks",
        handle=save_allowlist,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        step_up=StepUp.REQUIRED,
    ),
)
