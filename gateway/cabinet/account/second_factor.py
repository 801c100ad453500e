"""`/partner/account/second-factor`: set up two-factor authentication, recovery codes, turn off."""

import asyncio
from collections.abc import Mapping, Sequence

from blacksheep import Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.account import messages as account_messages
from cabinet_htmx.partner.account.second_factor_view import enrollment, saved_codes
from domain.actions.cabinet.set_up_second_factor import (
    begin_second_factor,
    confirm_second_factor,
    renew_recovery_codes,
)
from domain.cabinet.members import Role
from domain.cabinet.passkeys import Passkey
from domain.errors import AuthInvalid, InvalidTransition, RateLimited
from gateway.cabinet.page_request import NO_ERRORS, PageRequest
from gateway.cabinet.routes import SECOND_FACTOR, Route, Section, StepUp

PATH = SECOND_FACTOR


async def show(request: PageRequest) -> Response:
    """Show the state: off, being set up, or on."""
    return await _page(request)


async def begin(request: PageRequest) -> Response:
    """Create a secret for an app; requires the password."""
    try:
        await begin_second_factor(
            request.ports.second_factors,
            request.member,
            password=request.form.get("password", ""),
        )
    except AuthInvalid:
        return await _page(request, 422, {"password": account_messages.WRONG_PASSWORD})
    except RateLimited as limited:
        error = messages.too_many_attempts(limited.retry_after)
        return await _page(request, 429, {"password": error})
    except InvalidTransition:
        return await request.redirect(PATH, account_messages.FACTOR_ALREADY_ON, success=False)
    return await request.redirect(PATH)


async def confirm(request: PageRequest) -> Response:
    """Turn two-factor authentication on, and show the recovery codes."""
    try:
        codes = await confirm_second_factor(
            request.ports.second_factors,
            request.member,
            request.session,
            code=request.form.get("code", ""),
        )
    except AuthInvalid:
        return await _page(request, 422, {"code": messages.WRONG_CODE})
    except RateLimited as limited:
        error = messages.too_many_attempts(limited.retry_after)
        return await _page(request, 429, {"code": error})
    except InvalidTransition:
        return await request.redirect(PATH, account_messages.SETUP_EXPIRED, success=False)
    await request.record("Turned on two-factor authentication")
    return _codes(request, codes, new=True)


async def renew(request: PageRequest) -> Response:
    """Replace the recovery codes, and show the new ones."""
    codes = await renew_recovery_codes(request.ports.second_factors, request.member)
    await request.record("Generated new recovery codes")
    return _codes(request, codes, new=False)


async def turn_off(request: PageRequest) -> Response:
    """Turn two-factor authentication off, unless the team requires it."""
    if request.member.second_factor_required:
        return await request.redirect(PATH, account_messages.FACTOR_REQUIRED, success=False)
    await request.ports.second_factors.factors.turn_off(request.member.id)
    await request.record("Turned off two-factor authentication")
    return await request.redirect(PATH, account_messages.FACTOR_OFF)


async def _page(
    request: PageRequest, status: int = 200, errors: Mapping[str, str] = NO_ERRORS
) -> Response:
    factors = request.ports.second_factors.factors
    factor = await factors.find(request.member.id, now=request.now)
    pending = None
    if factor is not None and not factor.confirmed:
        issuer = request.cabinet.site.brand.name
        pending = await asyncio.to_thread(  # the QR code takes some 10 ms
            enrollment, factor.secret, issuer=issuer, account=request.member.email
        )
    return request.page(
        "account/second_factor.html",
        status=status,
        errors=errors,
        pending=pending,
        passkeys=await _passkeys(request),
        passkeys_available=request.ports.passkeys.available,
        confirmed=factor if factor is not None and factor.confirmed else None,
    )


async def _passkeys(request: PageRequest) -> Sequence[Passkey]:
    return await request.ports.passkeys.passkeys.list_of(request.member.id)


def _codes(request: PageRequest, codes: list[str], *, new: bool) -> Response:
    return request.page("account/recovery_codes.html", saved=saved_codes(codes), new=new)


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handle=show,
        role=Role.VIEWER,
        section=Section.ACCOUNT,
        without_second_factor=True,
    ),
    *(
        Route(
            method="POST",
            path=f"{PATH}/{name}",
            handle=handle,
            role=Role.VIEWER,
            section=Section.ACCOUNT,
            without_second_factor=True,
            step_up=step_up,
        )
        for name, handle, step_up in (
            ("begin", begin, StepUp.NOT_NEEDED),
            ("confirm", confirm, StepUp.NOT_NEEDED),
            ("recovery-codes", renew, StepUp.REQUIRED),
            ("off", turn_off, StepUp.REQUIRED),
        )
    ),
)
