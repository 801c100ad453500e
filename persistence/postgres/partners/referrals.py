"""Referrers by reference code, and the default partner, under the gateway's role."""

from uuid import UUID

from domain.partners.codes import Code
from domain.partners.partner import DEFAULT_PARTNER_ID
from domain.partners.referrals import Referrer
from persistence.postgres.pool import Database

REFERRER = """
SELECT p.id AS partner_id, p.enabled AS partner_enabled, p.markup_bps AS default_bps,
  c.id, c.code, c.markup_bps, c.enabled
FROM codes c JOIN partners p ON p.id = c.partner_id WHERE c.code = $1
"""

DEFAULT_PARTNER = "SELECT enabled, markup_bps FROM partners WHERE id = $1"


async def read_referrer(database: Database, code: str) -> Referrer | None:
    """Return whose code this is, enabled or not; None where nobody has it."""
    row = await database.fetch_one(REFERRER, [code])
    if row is None:
        return None
    return Referrer(
        partner_id=UUID(row["partner_id"]),
        enabled=row["partner_enabled"],
        markup_bps=row["default_bps"],
        code=Code(
            id=UUID(row["id"]),
            code=row["code"],
            markup_bps=row["markup_bps"],
            enabled=row["enabled"],
        ),
    )


async def read_default_partner(database: Database) -> Referrer:
    """Return the default partner, which 0023-house-partner.sql creates."""
    row = await database.fetch_one(DEFAULT_PARTNER, [DEFAULT_PARTNER_ID])
    if row is None:
        raise LookupError("the default partner does not exist")
    return Referrer(
        partner_id=DEFAULT_PARTNER_ID, enabled=row["enabled"], markup_bps=row["markup_bps"]
    )
