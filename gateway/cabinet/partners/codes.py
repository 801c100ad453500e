"""`/partner/codes`: referral codes, their figures and their links."""

from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.codes import messages
from cabinet_htmx.partner.codes.code_view import CodeForm, CodeView, QuotaView, bps_of
from cabinet_htmx.shared.amounts import percent
from domain.actions.partners.manage_codes import (
    NewCode,
    change_code,
    code_quota,
    create_code,
    find_code,
    page_of_codes,
    switch_code,
)
from domain.cabinet.members import Role
from domain.errors import CodeConflict, InvalidCommand, NotFound
from domain.partners.codes import checked_code, checked_label, is_code
from domain.partners.partner import checked_markup
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.partners.code_links import show_link
from gateway.cabinet.routes import Handler, Route, Section, StepUp

PATH: Final = Section.CODES.path
EMPTY_FORM: Final = CodeForm()


async def show_list(request: PageRequest) -> Response:
    """Show a page of the codes."""
    return await _list_page(request)


async def create(request: PageRequest) -> Response:
    """Create a code."""
    form = _form(request, request.form.get("code", "").strip())
    if form.errors:
        return await _list_page(request, form, status=422)
    codes = request.ports.codes
    new = NewCode(code=form.code, label=form.label, markup_bps=bps_of(form.markup))
    try:
        await create_code(codes, request.partner_id, new)
    except CodeConflict:
        quota = QuotaView.of(await code_quota(codes, request.partner_id))
        error = messages.QUOTA_REACHED if quota.is_reached else messages.NAME_TAKEN
        return await _list_page(request, form.with_errors({"code": error}), status=409)
    await request.record("Created a code", _described(form))
    return await request.redirect(f"{PATH}/{form.code}", messages.created(form.code))


async def show_code(request: PageRequest) -> Response:
    """Show a code."""
    return await _code_page(request)


async def change(request: PageRequest) -> Response:
    """Change label and markup of a code."""
    form = _form(request, request.parameters["code"])
    if "code" in form.errors:
        raise NotFound("malformed code")
    if form.errors:
        return await _code_page(request, form, status=422)
    await change_code(
        request.ports.codes,
        request.partner_id,
        form.code,
        label=form.label,
        markup_bps=bps_of(form.markup),
    )
    await request.record("Changed a code", _described(form))
    return await request.redirect(f"{PATH}/{form.code}", messages.CHANGED)


async def enable(request: PageRequest) -> Response:
    """Enable a code."""
    return await _switch(request, enabled=True)


async def disable(request: PageRequest) -> Response:
    """Disable a code."""
    return await _switch(request, enabled=False)


async def _switch(request: PageRequest, *, enabled: bool) -> Response:
    name = request.parameters["code"]
    await switch_code(request.ports.codes, request.partner_id, name, enabled=enabled)
    await request.record("Enabled a code" if enabled else "Disabled a code", name)
    message = messages.enabled(name) if enabled else messages.disabled(name)
    return await request.redirect(f"{PATH}/{name}", message)


def _form(request: PageRequest, code: str) -> CodeForm:
    """Return the submitted form with all its errors; the actions check the values again."""
    label = request.form.get("label", "").strip()
    markup = request.form.get("markup", "").strip()
    errors: dict[str, str] = {}
    for field, error, check in (
        ("code", messages.INVALID_NAME, lambda: checked_code(code)),
        ("label", messages.INVALID_LABEL, lambda: checked_label(label)),
        ("markup", messages.INVALID_MARKUP, lambda: checked_markup(bps_of(markup) or 0)),
    ):
        try:
            check()
        except InvalidCommand:
            errors[field] = error
    return CodeForm(code=code, label=label, markup=markup, errors=errors)


def _described(form: CodeForm) -> str:
    bps = bps_of(form.markup)
    markup = "default markup" if bps is None else f"markup {percent(bps)}"
    return f"{form.code}: {form.label or 'no label'}, {markup}"


async def _list_page(
    request: PageRequest, form: CodeForm = EMPTY_FORM, *, status: int = 200
) -> Response:
    codes, after = request.ports.codes, request.query.get("after", "")
    quota = await code_quota(codes, request.partner_id)
    page = await page_of_codes(codes, request.partner_id, after=after if is_code(after) else None)
    return request.page(
        "codes/codes.html",
        status=status,
        codes=[
            CodeView.of(one, default_bps=quota.markup_bps, origin=request.origin)
            for one in page.codes
        ],
        quota=QuotaView.of(quota),
        older=f"{PATH}?after={page.next_after}" if page.next_after else None,
        newest=PATH if after else None,
        form=form,
        can_edit=request.member.role.includes(Role.DEVELOPER),
    )


async def _code_page(
    request: PageRequest, form: CodeForm | None = None, *, status: int = 200
) -> Response:
    codes = request.ports.codes
    listed = await find_code(codes, request.partner_id, request.parameters["code"])
    quota = await code_quota(codes, request.partner_id)
    view = CodeView.of(listed, default_bps=quota.markup_bps, origin=request.origin)
    return request.page(
        "codes/code.html",
        status=status,
        code=view,
        quota=QuotaView.of(quota),
        form=form or CodeForm.of(listed),
        link=show_link(request, view),
        can_edit=request.member.role.includes(Role.DEVELOPER),
    )


def _action(path: str, handle: Handler) -> Route:
    return Route(
        method="POST",
        path=path,
        handle=handle,
        role=Role.DEVELOPER,
        section=Section.CODES,
        step_up=StepUp.NOT_NEEDED,
    )


ROUTES = (
    Route(method="GET", path=PATH, handle=show_list, role=Role.VIEWER, section=Section.CODES),
    Route(
        method="GET",
        path=f"{PATH}/{{code}}",
        handle=show_code,
        role=Role.VIEWER,
        section=Section.CODES,
    ),
    _action(PATH, create),
    _action(f"{PATH}/{{code}}", change),
    _action(f"{PATH}/{{code}}/enable", enable),
    _action(f"{PATH}/{{code}}/disable", disable),
)
