"""Create, list, change, disable and enable a partner's referral codes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.partners.ports import CodePorts
from domain.errors import CodeConflict, NotFound
from domain.partners.codes import (
    MAX_LISTED,
    CodeQuota,
    ListedCode,
    OwnCode,
    checked_code,
    checked_label,
    is_code,
)
from domain.partners.partner import checked_markup

PAGE_SIZE: Final = 50


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code to be created."""

    code: str
    label: str | None = None
    markup_bps: int | None = None


async def create_code(ports: CodePorts, partner_id: UUID, new: NewCode) -> OwnCode:
    """Store a new, enabled code.

    Raises InvalidRequest; CodeConflict if the code is or was in use by any partner, or if the
    partner has reached its maximum number of codes, including disabled ones; Unavailable.
    """
    code = OwnCode(
        id=ports.new_id(),
        code=checked_code(new.code),
        label=checked_label(new.label),
        markup_bps=None if new.markup_bps is None else checked_markup(new.markup_bps),
        enabled=True,
        created_at=ports.clock.now(),
    )
    if not await ports.codes.add(partner_id, code):
        raise CodeConflict(
            f"code {code.code} is taken, or partner {partner_id} has its maximum number"
        )
    await ports.changed(partner_id)
    return code


async def list_codes(ports: CodePorts, partner_id: UUID) -> Sequence[ListedCode]:
    """Return the partner's newest codes, up to 100, newest first; raise Unavailable."""
    return await ports.codes.newest(partner_id, limit=MAX_LISTED)


class CodePage(msgspec.Struct, frozen=True):
    """Codes, newest first, and the last of them if there is a next page."""

    codes: Sequence[ListedCode]
    next_after: str | None


async def page_of_codes(ports: CodePorts, partner_id: UUID, *, after: str | None) -> CodePage:
    """Return a page of a partner's codes, starting after the code `after`; raise Unavailable."""
    codes = await ports.codes.newest(partner_id, limit=PAGE_SIZE + 1, after=after)
    shown = codes[:PAGE_SIZE]
    return CodePage(shown, shown[-1].code.code if len(codes) > PAGE_SIZE else None)


async def code_quota(ports: CodePorts, partner_id: UUID) -> CodeQuota:
    """Return how many codes a partner has and may have; raise NotFound, Unavailable."""
    return await ports.codes.quota(partner_id)


async def find_code(ports: CodePorts, partner_id: UUID, name: str) -> ListedCode:
    """Return a code of the partner's; raise NotFound, Unavailable."""
    listed = await ports.codes.find(partner_id, name) if is_code(name) else None
    if listed is None:
        raise NotFound(f"partner {partner_id} has no such code")
    return listed


async def change_code(
    ports: CodePorts, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
) -> None:
    """Replace label and markup of a code; without a markup the partner's default applies.

    Open orders keep the markup they were created with. Raises InvalidRequest, NotFound,
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
    """Enable or disable a partner's code (idempotent); raise NotFound, Unavailable."""
    if not is_code(name) or not await ports.codes.switch(partner_id, name, enabled=enabled):
        raise NotFound(f"partner {partner_id} has no such code")
    await ports.changed(partner_id)
