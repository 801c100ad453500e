"""`/partner/account/second-factor`: set one up, its recovery codes, turn it off."""

import asyncio
from collections.abc import Mapping

from blacksheep import Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.account.second_factor_view import enrolment, saved_codes
from domain.actions.cabinet.set_up_second_factor import (
    begin_second_factor,
    confirm_second_factor,
    renew_recovery_codes,
)
from domain.cabinet.members import Role
from domain.errors import AuthInvalid, InvalidTransition, RateLimited
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PATH = f"{Section.ACCOUNT.path}/second-factor"
NO_FAULTS: Mapping[str, str] = {}


async def show(visit: PageRequest) -> Response:
    """Show what there is: nothing, one that is being set up, or one that is on."""
    return await _page(visit)


async def begin(visit: PageRequest) -> Response:
    """Make a secret for an app, for who knows the password."""
    try:
        await begin_second_factor(
            visit.cabinet.parts.second_factors,
            visit.member,
            password=visit.form.get("password", ""),
        )
    except AuthInvalid:
        return await _page(visit, 422, {"password": sentences.WRONG_PASSWORD})
    except RateLimited as error:
        return await _page(visit, 429, {"password": sentences.too_often(error.retry_after)})
    except InvalidTransition:
        return await visit.go(PATH, "There is a second factor already.", good=False)
    return await visit.go(PATH)


async def confirm(visit: PageRequest) -> Response:
    """Turn the second factor on, and show its recovery codes."""
    try:
        codes = await confirm_second_factor(
            visit.cabinet.parts.second_factors,
            visit.member,
            visit.session,
            code=visit.form.get("code", ""),
        )
    except AuthInvalid:
        return await _page(visit, 422, {"code": sentences.WRONG_CODE})
    except RateLimited as error:
        return await _page(visit, 429, {"code": sentences.too_often(error.retry_after)})
    except InvalidTransition:
        return await visit.go(PATH, "Please begin again.", good=False)
    await visit.record("Turned the second factor on")
    return _codes(visit, codes, new=True)


async def renew(visit: PageRequest) -> Response:
    """Replace the recovery codes, and show the new ones."""
    codes = await renew_recovery_codes(visit.cabinet.parts.second_factors, visit.member)
    await visit.record("Made new recovery codes")
    return _codes(visit, codes, new=False)


async def turn_off(visit: PageRequest) -> Response:
    """Turn the second factor off."""
    await visit.cabinet.parts.second_factors.factors.turn_off(visit.member.id)
    await visit.record("Turned the second factor off")
    return await visit.go(PATH, "The second factor is off.")


async def _page(
    visit: PageRequest, status: int = 200, faults: Mapping[str, str] = NO_FAULTS
) -> Response:
    parts = visit.cabinet.parts.second_factors
    factor = await parts.factors.find(visit.member.id, now=visit.now)
    begun = None
    if factor is not None and not factor.confirmed:
        issuer = visit.cabinet.site.brand.name
        begun = await asyncio.to_thread(  # the QR code takes some 10 ms
            enrolment, factor.secret, issuer=issuer, account=visit.member.email
        )
    on = factor if factor is not None and factor.confirmed else None
    return visit.page("second_factor.html", status=status, faults=faults, begun=begun, on=on)


def _codes(visit: PageRequest, codes: list[str], *, new: bool) -> Response:
    return visit.page("recovery_codes.html", saved=saved_codes(codes), new=new)


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.ACCOUNT),
    *(
        Route(
            method="POST",
            path=f"{PATH}/{name}",
            handle=handle,
            role=Role.VIEWER,
            section=Section.ACCOUNT,
            fresh=fresh,
        )
        for name, handle, fresh in (
            ("begin", begin, False),
            ("confirm", confirm, False),
            ("recovery-codes", renew, True),
            ("off", turn_off, True),
        )
    ),
)
