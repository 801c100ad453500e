"""`/partner/codes`: reference codes, what they have brought, and their links."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.codes_view import (
    FULL,
    LABEL_FAULT,
    MARKUP_FAULT,
    NAME_FAULT,
    TAKEN,
    CodeForm,
    CodeView,
    RoomView,
    bps_of,
)
from cabinet_htmx.shared.amounts import percent
from domain.actions.partners.manage_codes import (
    NewCode,
    change_code,
    code_room,
    create_code,
    find_code,
    page_of_codes,
    switch_code,
)
from domain.cabinet.members import Role
from domain.errors import CodeConflict, InvalidRequest, NotFound
from domain.partners.codes import checked_code, checked_label, is_code
from domain.partners.partner import checked_markup
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.partners.code_links import origin_of, show_link
from gateway.cabinet.routes import Handler, Route, Section

PATH: Final = Section.CODES.path
EMPTY: Final = CodeForm()


async def show(visit: PageRequest) -> Response:
    """Show a page of the codes."""
    return await _page(visit)


async def create(visit: PageRequest) -> Response:
    """Create a code."""
    form = _form(visit, visit.form.get("code", "").strip())
    if form.faults:
        return await _page(visit, form, status=422)
    partner_id, codes = visit.member.partner_id, visit.cabinet.parts.codes
    wanted = NewCode(code=form.code, label=form.label, markup_bps=bps_of(form.markup))
    try:
        await create_code(codes, partner_id, wanted)
    except CodeConflict:
        room = RoomView.of(await code_room(codes, partner_id))
        fault = FULL if room.is_full else TAKEN
        return await _page(visit, _with_fault(form, fault), status=409)
    await visit.record("Created a code", _described(form))
    return await visit.go(f"{PATH}/{form.code}", f"The code {form.code} is there: copy its link.")


async def show_one(visit: PageRequest) -> Response:
    """Show a code."""
    return await _code_page(visit)


async def change(visit: PageRequest) -> Response:
    """Change label and markup of a code."""
    form = _form(visit, visit.parameters["code"])
    if "code" in form.faults:
        raise NotFound("not a code")
    if form.faults:
        return await _code_page(visit, form, status=422)
    await change_code(
        visit.cabinet.parts.codes,
        visit.member.partner_id,
        form.code,
        label=form.label,
        markup_bps=bps_of(form.markup),
    )
    await visit.record("Changed a code", _described(form))
    return await visit.go(f"{PATH}/{form.code}", "Changed: it counts from the next order on.")


async def enable(visit: PageRequest) -> Response:
    """Enable a code again."""
    return await _switch(visit, enabled=True)


async def disable(visit: PageRequest) -> Response:
    """Disable a code."""
    return await _switch(visit, enabled=False)


async def _switch(visit: PageRequest, *, enabled: bool) -> Response:
    name = visit.parameters["code"]
    codes, partner_id = visit.cabinet.parts.codes, visit.member.partner_id
    await switch_code(codes, partner_id, name, enabled=enabled)
    await visit.record("Enabled a code" if enabled else "Disabled a code", name)
    said = "enabled" if enabled else "disabled: its links lead to the swap page, and count no more"
    return await visit.go(f"{PATH}/{name}", f"The code {name} is {said}.")


def _form(visit: PageRequest, code: str) -> CodeForm:
    """Return a form as it was sent, with all that is wrong with it; the actions check it again."""
    label, markup = visit.form.get("label", "").strip(), visit.form.get("markup", "").strip()
    faults: dict[str, str] = {}
    for name, fault, check in (
        ("code", NAME_FAULT, lambda: checked_code(code)),
        ("label", LABEL_FAULT, lambda: checked_label(label)),
        ("markup", MARKUP_FAULT, lambda: checked_markup(bps_of(markup) or 0)),
    ):
        try:
            check()
        except InvalidRequest:
            faults[name] = fault
    return CodeForm(code=code, label=label, markup=markup, faults=faults)


def _with_fault(form: CodeForm, fault: str) -> CodeForm:
    return CodeForm(code=form.code, label=form.label, markup=form.markup, faults={"code": fault})


def _described(form: CodeForm) -> str:
    bps = bps_of(form.markup)
    markup = "default markup" if bps is None else f"markup {percent(bps)}"
    return f"{form.code}: {form.label or 'no label'}, {markup}"


async def _page(visit: PageRequest, form: CodeForm = EMPTY, *, status: int = 200) -> Response:
    codes, partner_id = visit.cabinet.parts.codes, visit.member.partner_id
    after = visit.query.get("after", "")
    room = await code_room(codes, partner_id)
    found = await page_of_codes(codes, partner_id, after=after if is_code(after) else None)
    origin = origin_of(visit)
    return visit.page(
        "codes.html",
        status=status,
        codes=[CodeView.of(one, default_bps=room.markup_bps, origin=origin) for one in found.codes],
        room=RoomView.of(room),
        onward=f"{PATH}?after={found.onward}" if found.onward else None,
        first=PATH if after else None,
        form=form,
        may_change=visit.member.role.may_act_as(Role.DEVELOPER),
    )


async def _code_page(
    visit: PageRequest, form: CodeForm | None = None, *, status: int = 200
) -> Response:
    codes, partner_id = visit.cabinet.parts.codes, visit.member.partner_id
    listed = await find_code(codes, partner_id, visit.parameters["code"])
    room = await code_room(codes, partner_id)
    view = CodeView.of(listed, default_bps=room.markup_bps, origin=origin_of(visit))
    return visit.page(
        "code.html",
        status=status,
        code=view,
        room=RoomView.of(room),
        form=form or CodeForm.of(listed),
        link=show_link(visit, view),
        may_change=visit.member.role.may_act_as(Role.DEVELOPER),
    )


def _changes(path: str, handle: Handler) -> Route:
    return Route(
        method="POST", path=path, handle=handle, role=Role.DEVELOPER, section=Section.CODES
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show, role=Role.VIEWER, section=Section.CODES),
    Route(
        method="GET",
        path=f"{PATH}/{{code}}",
        handle=show_one,
        role=Role.VIEWER,
        section=Section.CODES,
    ),
    _changes(PATH, create),
    _changes(f"{PATH}/{{code}}", change),
    _changes(f"{PATH}/{{code}}/enable", enable),
    _changes(f"{PATH}/{{code}}/disable", disable),
)
