"""`/partner/account/passkeys`: add and remove passkeys; options for the browser to use one.

Browsers use passkeys by script only. A script requests the options, which are JSON, and puts the
browser's response into a field of the page's form.
"""

from collections.abc import Mapping
from typing import Final

from blacksheep import Content, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.passkeys import (
    add_passkey,
    begin_adding,
    begin_verifying,
    remove_passkey,
)
from domain.cabinet.members import Role
from domain.errors import AuthInvalid, InvalidCommand, InvalidTransition, NotFound
from gateway.cabinet.page_request import NO_ERRORS, PageRequest
from gateway.cabinet.routes import SECOND_FACTOR, VERIFY, Handler, Route, Section, StepUp

PATH: Final = f"{Section.ACCOUNT.path}/passkeys"
NEW: Final = f"{PATH}/new"
JSON: Final = b"application/json"


async def show_new(request: PageRequest) -> Response:
    """Ask for the name of a new passkey, which the browser then creates."""
    _check_available(request)
    if not request.member.second_factor:
        return await request.redirect(SECOND_FACTOR)
    return _page(request)


async def creation_options(request: PageRequest) -> Response:
    """Return the options for the browser to create a passkey."""
    _check_available(request)
    return _json(await begin_adding(request.ports.passkeys, request.member, request.session))


async def add(request: PageRequest) -> Response:
    """Store the passkey that the browser has created."""
    _check_available(request)
    name = request.form.get("name", "")
    try:
        passkey = await add_passkey(
            request.ports.passkeys,
            request.member,
            request.session,
            name=name,
            response=request.form.get("response", ""),
        )
    except InvalidCommand:
        return _page(request, 422, {"name": account_messages.PASSKEY_NAME}, name=name)
    except AuthInvalid:
        return _page(request, 422, {"name": account_messages.PASSKEY_REJECTED}, name=name)
    except InvalidTransition:
        return await request.redirect(
            SECOND_FACTOR, account_messages.PASSKEY_NOT_ADDED, success=False
        )
    await request.record("Added a passkey", passkey.name)
    return await request.redirect(SECOND_FACTOR, account_messages.passkey_added(passkey.name))


async def remove(request: PageRequest) -> Response:
    """Remove a passkey."""
    name = await remove_passkey(request.ports.passkeys, request.member, request.id_of("id"))
    await request.record("Removed a passkey", name)
    return await request.redirect(SECOND_FACTOR, account_messages.passkey_removed(name))


async def use_options(request: PageRequest) -> Response:
    """Return the options for the browser to use a passkey."""
    _check_available(request)
    return _json(await begin_verifying(request.ports.passkeys, request.member, request.session))


def _check_available(request: PageRequest) -> None:
    if not request.ports.passkeys.available:
        raise NotFound("the address of the pages is not configured, which passkeys are bound to")


def _json(options: bytes) -> Response:
    fields = {**HEADERS, "Cache-Control": "no-store"}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
    return Response(200, headers, Content(JSON, options))


def _page(
    request: PageRequest,
    status: int = 200,
    errors: Mapping[str, str] = NO_ERRORS,
    *,
    name: str = "",
) -> Response:
    return request.page(
        "account/passkey_new.html",
        status=status,
        errors=errors,
        name=name,
        scripts_needed=messages.SCRIPTS_NEEDED,
    )


def _sensitive(path: str, handle: Handler) -> Route:
    return Route(
        method="POST",
        path=path,
        handle=handle,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
        step_up=StepUp.REQUIRED,
    )


ROUTES = (
    Route(
        method="GET",
        path=NEW,
        handle=show_new,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
        step_up=StepUp.IF_ON,
    ),
    _sensitive(f"{NEW}/options", creation_options),
    _sensitive(NEW, add),
    _sensitive(f"{PATH}/{{id}}/remove", remove),
    Route(
        method="POST",
        path=f"{VERIFY}/options",
        handle=use_options,
        role=Role.VIEWER,
        with_one_time_password=True,
        before_verification=True,
        step_up=StepUp.NOT_NEEDED,
    ),
)
