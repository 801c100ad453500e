"""`/partner/verify`: asks for a code of the second factor, then continues the original request."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from blacksheep import Request, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.passkeys import verify_passkey
from domain.actions.cabinet.sign_in import SignedIn
from domain.actions.cabinet.verify_second_factor import verify_second_factor
from domain.cabinet.members import Role
from domain.cabinet.sessions import FlashMessage
from domain.errors import AuthInvalid, RateLimited
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import ROOT, VERIFY, Route, StepUp, safe_next
from gateway.http.pages import page, redirect

CODE: Final = "step_up_code"
NEXT: Final = "step_up_then"
PASSKEY: Final = "step_up_response"
"""The browser's response for a passkey, instead of a code."""
RESUBMIT: Final = "step_up_again"
"""Present if a form is to be submitted again. The prefix avoids collisions with its own fields."""


def awaits_verification(signed_in: SignedIn) -> bool:
    """Return whether the password was entered in this session, but not yet the second factor."""
    return signed_in.member.second_factor and signed_in.session.verified_at is None


def redirect_to_verify(request: Request) -> Response:
    """Return a redirect to the page that asks for a code, and from there back to this one."""
    if request.get_first_header(b"HX-Request"):
        return page(401, "", HEADERS, ("HX-Redirect", VERIFY))
    requested = request.url.value.decode("latin-1") if request.method in ("GET", "HEAD") else ""
    path = safe_next(requested)
    return redirect(303, f"{VERIFY}?next={quote(path, safe='')}" if path else VERIFY, HEADERS)


async def ask_for_code(request: PageRequest) -> Response:
    """Ask for a code before a form is processed; the page carries the form's fields along."""
    if request.raw.method != "POST" or request.is_htmx:
        return redirect_to_verify(request.raw)
    return await _page(request, 403, next_path=request.raw.path, fields=request.form)


async def show(request: PageRequest) -> Response:
    """Ask for a code."""
    next_path = safe_next(request.query.get("next", "")) or ROOT
    if not request.member.second_factor:
        return redirect(303, next_path, HEADERS)
    return await _page(request, 200, next_path=next_path)


async def verify(request: PageRequest) -> Response:
    """Check a code and continue.

    The browser itself submits the original form again: 307 keeps method and body (RFC 9110,
    15.4.8).
    """
    form = dict(request.form)
    code, resubmit = form.pop(CODE, ""), form.pop(RESUBMIT, "")
    response = form.pop(PASSKEY, "")
    next_path = safe_next(form.pop(NEXT, "")) or ROOT
    fields = form if resubmit else None
    try:
        left = await (_verify_passkey(request, response) if response else _verify(request, code))
    except AuthInvalid:
        action = "Used an invalid passkey" if response else "Entered a wrong two-factor code"
        await request.record(action)
        error = messages.WRONG_PASSKEY if response else messages.WRONG_CODE
        return await _page(request, 403, next_path=next_path, fields=fields, error=error)
    except RateLimited as limited:
        error = messages.too_many_attempts(limited.retry_after)
        return await _page(request, 429, next_path=next_path, fields=fields, error=error)
    if left is not None:
        await request.record("Used a recovery code")
        flash = FlashMessage(messages.recovery_codes_left(left), success=left > 0)
        await request.ports.sign_in.sessions.set_flash(request.session, flash)
    session = msgspec.structs.replace(request.session, verified_at=request.now)
    cookies = request.cabinet.remember_device(request.raw, request.member, session)
    return redirect(307 if resubmit else 303, next_path, HEADERS, *cookies)


async def _verify(request: PageRequest, code: str) -> int | None:
    ports = request.ports.second_factors
    return await verify_second_factor(ports, request.member, request.session, code=code)


async def _verify_passkey(request: PageRequest, response: str) -> None:
    ports = request.ports.passkeys
    await verify_passkey(ports, request.member, request.session, response=response)


async def _page(
    request: PageRequest,
    status: int,
    *,
    next_path: str,
    fields: Mapping[str, str] | None = None,
    error: str | None = None,
) -> Response:
    ports = request.ports.passkeys
    has_passkey = ports.available and bool(await ports.passkeys.list_of(request.member.id))
    return request.page(
        "account/verify.html",
        status=status,
        names={"code": CODE, "next": NEXT, "resubmit": RESUBMIT, "passkey": PASSKEY},
        has_passkey=has_passkey,
        next_path=next_path,
        fields=fields,
        error=error,
    )


ROUTES = (
    Route(
        method="GET",
        path=VERIFY,
        handle=show,
        role=Role.VIEWER,
        with_one_time_password=True,
        before_verification=True,
    ),
    Route(
        method="POST",
        path=VERIFY,
        handle=verify,
        role=Role.VIEWER,
        step_up=StepUp.NOT_NEEDED,
        with_one_time_password=True,
        before_verification=True,
    ),
)
