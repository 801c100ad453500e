"""Create, list, change, disable and enable a partner's reference codes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.partners.ports import CodePorts
from domain.errors import CodeConflict, NotFound
from domain.partners.codes import (
    MAX_LISTED,
    CodeRoom,
    ListedCode,
    OwnCode,
    checked_code,
    checked_label,
    is_code,
)
from domain.partners.partner import checked_markup

CODES_PAGE: Final = 50


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner says of a new code."""

    code: str
    label: str | None = None
    markup_bps: int | None = None


async def create_code(ports: CodePorts, partner_id: UUID, wanted: NewCode) -> OwnCode:
    """Store a new, enabled code.

    Raises InvalidRequest; CodeConflict where anybody has the name, or had it, or where the partner
    has as many codes as it may, disabled ones counted; Unavailable.
    """
    code = OwnCode(
        id=ports.new_id(),
        code=checked_code(wanted.code),
        label=checked_label(wanted.label),
        markup_bps=None if wanted.markup_bps is None else checked_markup(wanted.markup_bps),
        enabled=True,
        created_at=ports.clock.now(),
    )
    if not await ports.codes.add(partner_id, code):
        raise CodeConflict(f"code {code.code} is taken, or partner {partner_id} has no room for it")
    await ports.changed(partner_id)
    return code


async def list_codes(ports: CodePorts, partner_id: UUID) -> Sequence[ListedCode]:
    """Return the partner's newest codes, up to 100, newest first; raise Unavailable."""
    return await ports.codes.newest(partner_id, limit=MAX_LISTED)


class CodePage(msgspec.Struct, frozen=True):
    """Some codes, newest first, and behind which the next page begins, if there is one."""

    codes: Sequence[ListedCode]
    onward: str | None


async def page_of_codes(ports: CodePorts, partner_id: UUID, *, after: str | None) -> CodePage:
    """Return a page of a partner's codes, those behind one of them if named; raise Unavailable."""
    found = await ports.codes.newest(partner_id, limit=CODES_PAGE + 1, after=after)
    shown = found[:CODES_PAGE]
    return CodePage(shown, shown[-1].code.code if len(found) > CODES_PAGE else None)


async def code_room(ports: CodePorts, partner_id: UUID) -> CodeRoom:
    """Return how many codes a partner has and may have; raise NotFound, Unavailable."""
    return await ports.codes.room(partner_id)


async def find_code(ports: CodePorts, partner_id: UUID, name: str) -> ListedCode:
    """Return a code of the partner's; raise NotFound, Unavailable."""
    found = await ports.codes.find(partner_id, name) if is_code(name) else None
    if found is None:
        raise NotFound(f"partner {partner_id} has no such code")
    return found


async def change_code(
    ports: CodePorts, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
) -> None:
    """Replace label and markup of a code; without one the partner's default applies.

    Orders that are open keep the markup they were opened with. Raises InvalidRequest, NotFound,
    Unavailable.
    """
    label = checked_label(label)
    if markup_bps is not None:
        checked_markup(markup_bps)
    changed = is_code(name) and await ports.codes.change(
        partner_id, name, label=label, markup_bps=markup_bps
    )
    if not changed:
        raise NotFound(f"partner {partner_id} has no such code")
    await ports.changed(partner_id)


async def switch_code(ports: CodePorts, partner_id: UUID, name: str, *, enabled: bool) -> None:
    """Enable a code of the partner's, or disable it; raise NotFound for what isn't one.

    What is so already stays so.
    """
    if not is_code(name) or not await ports.codes.switch(partner_id, name, enabled=enabled):
        raise NotFound(f"partner {partner_id} has no such code")
    await ports.changed(partner_id)
