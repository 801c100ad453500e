"""Refer a visitor: remember the code of a followed link, and attribute what is opened later."""

from uuid import UUID

import msgspec

from domain.actions.partners.ports import ReferralPorts
from domain.errors import Maintenance
from domain.partners.codes import is_code
from domain.partners.partner import applied_markup
from domain.partners.referrals import Referrer, claim_of


class Attribution(msgspec.Struct, frozen=True):
    """Whose an order of a visitor is, through which code, and at what markup."""

    partner_id: UUID
    code_id: UUID | None
    markup_bps: int


async def follow_link(ports: ReferralPorts, code: str) -> str | None:
    """Return the cookie for a visitor who followed a link of `code`.

    None for a code that is unknown or disabled, or its partner is. Raises Unavailable.
    """
    if not is_code(code):
        return None
    referrer = await ports.referrers.of(code)
    if referrer is None or not referrer.is_active:
        return None
    return ports.signer.sign(code, referrer.partner_id, at=ports.clock.now())


async def attribute(ports: ReferralPorts, cookie: str | None, *, anew: bool = False) -> Attribution:
    """Return whose an order is that a visitor with this cookie opens.

    A cookie that isn't ours, is too old, or whose code or partner is disabled counts for nothing:
    the order is the house's then, and where the house is disabled, Maintenance is raised. `anew`
    looks at the database, not at what is known of a moment ago. Raises Unavailable.
    """
    claim = claim_of(cookie) if cookie is not None else None
    if claim is not None:
        referrer = await ports.referrers.of(claim.code, anew=anew)
        partner_id = referrer.partner_id if referrer is not None else None
        ours = ports.signer.verifies(claim, partner_id, at=ports.clock.now())
        if ours and referrer is not None and referrer.is_active:
            return _attribution(referrer)
    house = await ports.referrers.house(anew=anew)
    if not house.is_active:
        raise Maintenance("the house is disabled: only referred visitors may swap")
    return _attribution(house)


def _attribution(referrer: Referrer) -> Attribution:
    code = referrer.code
    return Attribution(
        partner_id=referrer.partner_id,
        code_id=code.id if code is not None else None,
        markup_bps=applied_markup(None, code, referrer.markup_bps),
    )
