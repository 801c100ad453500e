"""Refer visitors: issue a cookie for a followed link, and attribute later orders to it."""

from uuid import UUID

import msgspec

from domain.actions.partners.ports import ReferralPorts
from domain.errors import Maintenance
from domain.orders.quotes.firm_quote import Audience, Holder
from domain.partners.codes import is_code
from domain.partners.partner import applied_markup
from domain.partners.referrals import Referrer, claim_of


class Attribution(msgspec.Struct, frozen=True):
    """The partner, code and markup of a visitor's order."""

    partner_id: UUID
    code_id: UUID | None
    markup_bps: int

    @property
    def holder(self) -> Holder:
        """Return who may open the order of a quote that is shown to the visitor."""
        return Holder(Audience.VISITOR, self.partner_id, self.code_id)


async def follow_link(ports: ReferralPorts, code: str) -> str | None:
    """Return the cookie for a visitor who followed a link of `code`.

    None if the code is unknown, or if it or its partner is disabled. Raises Unavailable.
    """
    if not is_code(code):
        return None
    referrer = await ports.referrers.of(code)
    if referrer is None or not referrer.is_active:
        return None
    return ports.signer.sign(code, referrer.partner_id, at=ports.clock.now())


async def referral_markup(ports: ReferralPorts, code: str) -> int | None:
    """Return the markup in bps of orders that are referred by a code now.

    None if the code is unknown, or if it or its partner is disabled. Raises Unavailable.
    """
    referrer = await ports.referrers.of(code)
    if referrer is None or not referrer.is_active:
        return None
    return _attribution(referrer).markup_bps


async def attribute(
    ports: ReferralPorts, cookie: str | None, *, fresh: bool = False
) -> Attribution:
    """Return the attribution of an order that a visitor with this cookie opens.

    An invalid or expired cookie, or one whose code or partner is disabled, is ignored: the order
    belongs to the default partner, and Maintenance is raised if that is disabled. With `fresh` the
    database is read instead of the cache. Raises Unavailable.
    """
    claim = claim_of(cookie) if cookie is not None else None
    if claim is not None:
        referrer = await ports.referrers.of(claim.code, fresh=fresh)
        partner_id = referrer.partner_id if referrer is not None else None
        is_valid = ports.signer.verifies(claim, partner_id, at=ports.clock.now())
        if is_valid and referrer is not None and referrer.is_active:
            return _attribution(referrer)
    default_partner = await ports.referrers.default_partner(fresh=fresh)
    if not default_partner.is_active:
        raise Maintenance("the default partner is disabled: only referred visitors may swap")
    return _attribution(default_partner)


def _attribution(referrer: Referrer) -> Attribution:
    code = referrer.code
    return Attribution(
        partner_id=referrer.partner_id,
        code_id=code.id if code is not None else None,
        markup_bps=applied_markup(None, code, referrer.markup_bps),
    )
