"""`/partner/keys`: the public key, rotation of both secrets, and where calls may come from."""

from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.key_view import SECRETS, KeyView, new_secret
from domain.actions.partners.rotate_keys import rotate_keys
from domain.cabinet.members import Role
from domain.errors import InvalidRequest, NotFound, RotationConflict
from domain.partners.credentials import SecretName
from domain.partners.ip_allowlist import InvalidAllowlist, parse_allowed
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = Section.KEYS.path


async def show(visit: PageRequest) -> Response:
    """Show the keys."""
    return await _page(visit)


async def rotate(visit: PageRequest) -> Response:
    """Replace a secret, and show the new one, this once.

    The form says which generation of secrets its page showed: sent twice, or after somebody else's
    rotation, it changes nothing.
    """
    name = _secret(visit.parameters["name"])
    generation = _generation(visit.form.get("generation", ""))
    try:
        new = await rotate_keys(
            visit.cabinet.parts.rotation,
            visit.member.partner_id,
            generation=generation,
            names=[name],
        )
    except RotationConflict:
        return await visit.go(PATH, sentences.ROTATED_MEANWHILE, good=False)
    await visit.record(f"Rotated the {name.value}")
    secret = new.api_secret if name is SecretName.API else new.webhook_secret
    return visit.page("new_secret.html", new=new_secret(name, secret or ""))


async def allow(visit: PageRequest) -> Response:
    """Have signed calls come from some networks only."""
    text = visit.form.get("networks", "")
    try:
        networks = parse_allowed(text)
    except InvalidAllowlist as refused:
        fault = f"{refused.entry}: {refused.why}"
        return await _page(visit, 422, text=text, faults={"networks": fault})
    parts = visit.cabinet.parts
    await parts.keys.allow(visit.member.partner_id, networks)
    await parts.rotation.changed(visit.member.partner_id)
    await visit.record("Set where API calls may come from", ", ".join(networks) or "anywhere")
    said = "These addresses only" if networks else "Any address"
    return await visit.go(PATH, f"{said} may use the API key from now on.")


def _generation(text: str) -> int:
    """Return a whole number as the form has it, which the database takes for one."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise InvalidRequest("no generation")
    return int(text)


def _secret(text: str) -> SecretName:
    try:
        return SecretName(text)
    except ValueError:
        raise NotFound("no such secret") from None


async def _page(
    visit: PageRequest,
    status: int = 200,
    *,
    text: str | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    settings = await visit.cabinet.parts.keys.find(visit.member.partner_id)
    view = KeyView(settings, text if text is not None else "\n".join(settings.networks))
    return visit.page("keys.html", status=status, keys=view, secrets=SECRETS, faults=faults or {})


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.DEVELOPER, section=Section.KEYS),
    Route(
        method="POST",
        path=f"{PATH}/rotate/{{name}}",
        handle=rotate,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        fresh=True,
    ),
    Route(
        method="POST",
        path=f"{PATH}/networks",
        handle=allow,
        role=Role.DEVELOPER,
        section=Section.KEYS,
        fresh=True,
    ),
)
