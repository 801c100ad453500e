"""`/partner/verify`: asks for a code of the second factor, and goes on with what was asked for."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from blacksheep import Request, Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.prove_second_factor import prove_second_factor
from domain.actions.cabinet.sign_in import SignedIn
from domain.cabinet.members import Role
from domain.cabinet.sessions import FlashMessage
from domain.errors import AuthInvalid, RateLimited
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import ROOT, VERIFY, Route, checked_next
from gateway.http.pages import page, redirect

CODE: Final = "step_up_code"
THEN: Final = "step_up_then"
AGAIN: Final = "step_up_again"
"""Filled where a form is sent again. The names are like no other field's, which go along."""


def is_awaited(signed_in: SignedIn) -> bool:
    """Tell whether somebody has given the password and not yet the second factor."""
    return signed_in.member.second_factor and signed_in.session.proved_at is None


def to_step_up(request: Request) -> Response:
    """Return what leads to the page that asks for a code, and from there back."""
    if request.get_first_header(b"HX-Request"):
        return page(401, "", HEADERS, ("HX-Redirect", VERIFY))
    wanted = request.url.value.decode("latin-1") if request.method in ("GET", "HEAD") else ""
    there = checked_next(wanted)
    return redirect(303, f"{VERIFY}?next={quote(there, safe='')}" if there else VERIFY, HEADERS)


def ask_for_code(visit: PageRequest) -> Response:
    """Ask for a code in the place of what was asked for; a form goes along and is sent again."""
    if visit.request.method != "POST" or visit.is_htmx:
        return to_step_up(visit.request)
    return _page(visit, 403, then=visit.request.path, fields=visit.form)


async def show(visit: PageRequest) -> Response:
    """Ask for a code."""
    then = checked_next(visit.query.get("next", "")) or ROOT
    if not visit.member.second_factor:
        return redirect(303, then, HEADERS)
    return _page(visit, 200, then=then)


async def give(visit: PageRequest) -> Response:
    """Take a code, and go on.

    A form is sent again by the browser itself: 307 keeps method and body (RFC 9110, 15.4.8).
    """
    form = dict(visit.form)
    code, again = form.pop(CODE, ""), form.pop(AGAIN, "")
    then = checked_next(form.pop(THEN, "")) or ROOT
    cabinet = visit.cabinet
    try:
        left = await prove_second_factor(
            cabinet.parts.second_factors, visit.member, visit.session, code=code
        )
    except AuthInvalid:
        await visit.record("Gave a wrong code of the second factor")
        fault = sentences.WRONG_CODE
        return _page(visit, 403, then=then, fields=form if again else None, fault=fault)
    except RateLimited as error:
        fault = sentences.too_often(error.retry_after)
        return _page(visit, 429, then=then, fields=form if again else None, fault=fault)
    if left is not None:
        await visit.record("Used a recovery code")
        said = FlashMessage(sentences.codes_left(left), good=left > 0)
        await cabinet.signing_in.sessions.say(visit.session, said)
    return redirect(307 if again else 303, then, HEADERS)


def _page(
    visit: PageRequest,
    status: int,
    *,
    then: str,
    fields: Mapping[str, str] | None = None,
    fault: str | None = None,
) -> Response:
    return visit.page(
        "verify.html",
        status=status,
        names={"code": CODE, "then": THEN, "again": AGAIN},
        then=then,
        fields=fields,
        fault=fault,
    )


ROUTES = (
    Route(
        method="GET",
        path=VERIFY,
        handle=show,
        role=Role.VIEWER,
        before_password=True,
        before_factor=True,
    ),
    Route(
        method="POST",
        path=VERIFY,
        handle=give,
        role=Role.VIEWER,
        before_password=True,
        before_factor=True,
    ),
)
