"""Partners in PostgreSQL: the operator creates and changes them, every process reads them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import InvalidRequest, NotFound
from domain.partners.codes import Code
from domain.partners.credentials import Credentials
from domain.partners.ip_allowlist import networks_of
from domain.partners.partner import Partner, PartnerAccess, PartnerChange
from domain.webhooks.events import EventType
from persistence.keyring import KeyRing
from persistence.postgres.pool import Database

CREATE = """
INSERT INTO partners (id, email, name, api_key, api_secret_sealed, webhook_secret_sealed,
  webhook_url, webhook_events, markup_bps, base_fee_share_bps, budget, max_codes, created_at,
  signature_v2_only)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11, $12, $13, $14)
ON CONFLICT (email) DO NOTHING
RETURNING id
"""

REPLACE_SECRETS = """
UPDATE partners SET
  api_secret_sealed = $2, webhook_secret_sealed = $3, generation = generation + 1
WHERE id = $1
"""

COLUMNS = """
  id, email, name, enabled, api_key, webhook_url, webhook_events, standard_webhooks, markup_bps,
  base_fee_share_bps, budget, max_codes, signature_v2_only,
  EXISTS (SELECT FROM signature_v2_uses u WHERE u.partner_id = partners.id) AS signature_v2_used
"""

# Without the default partner, which has no credentials (0023-house-partner.sql).
LIST = f"""
SELECT {COLUMNS} FROM partners WHERE api_secret_sealed <> '' ORDER BY id
"""  # noqa: S608  our own constant

FIND = f"SELECT {COLUMNS} FROM partners WHERE id::text = $1 OR email = $1"  # noqa: S608  as above

# Only changed settings are written, so that concurrent changes of others are preserved.
CHANGE = f"""
UPDATE partners SET
  enabled = coalesce($2, enabled),
  webhook_url = CASE WHEN $3::text IS NULL THEN webhook_url ELSE nullif($3::text, '') END,
  webhook_events = coalesce($4::text[], webhook_events),
  standard_webhooks = coalesce($5, standard_webhooks),
  markup_bps = coalesce($6, markup_bps),
  base_fee_share_bps = coalesce($7, base_fee_share_bps),
  budget = coalesce($8, budget),
  max_codes = coalesce($9, max_codes),
  signature_v2_only = coalesce($10, signature_v2_only)
WHERE id = $1
RETURNING {COLUMNS}
"""  # noqa: S608  as above

ACCESS = """
SELECT id, enabled, api_key, api_secret_sealed, generation, markup_bps, budget, api_networks,
  signature_v2_only,
  EXISTS (SELECT FROM signature_v2_uses u WHERE u.partner_id = partners.id) AS signature_v2_used
FROM partners WHERE api_key = $1
"""

CODES = "SELECT id, code, markup_bps, enabled FROM codes WHERE partner_id = $1"

CHANGED = "SELECT api_key, revision FROM partners WHERE revision > $1 ORDER BY revision"

SET_USER = """
INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, updated_at, role)
SELECT $1, id, email, $3, $5, $4, 'owner' FROM partners WHERE id = $2
ON CONFLICT (email) DO UPDATE
SET password_hash = EXCLUDED.password_hash, one_time = EXCLUDED.one_time,
  updated_at = EXCLUDED.updated_at, role = EXCLUDED.role
WHERE partner_users.partner_id = EXCLUDED.partner_id
RETURNING email
"""


async def create_partner(
    database: Database,
    keyring: KeyRing,
    partner: Partner,
    credentials: Credentials,
    *,
    now: datetime,
) -> None:
    """Store a new partner; raise InvalidRequest if the e-mail address is in use."""
    row = await database.fetch_one(
        CREATE,
        [
            partner.id,
            partner.email,
            partner.name,
            credentials.api_key,
            keyring.seal(credentials.api_secret, record=api_secret_record(partner.id)),
            keyring.seal(credentials.webhook_secret, record=webhook_secret_record(partner.id)),
            partner.webhook_url,
            _names(partner.webhook_events),
            partner.markup_bps,
            partner.base_fee_share_bps,
            partner.budget,
            partner.max_codes,
            now,
            partner.signature_v2_only,
        ],
    )
    if row is None:
        raise InvalidRequest(f"there is a partner {partner.email} already")


async def replace_secrets(
    database: Database, keyring: KeyRing, partner_id: UUID, credentials: Credentials
) -> None:
    """Replace a partner's secrets; its apiKey never changes."""
    await database.fetch(
        REPLACE_SECRETS,
        [
            partner_id,
            keyring.seal(credentials.api_secret, record=api_secret_record(partner_id)),
            keyring.seal(credentials.webhook_secret, record=webhook_secret_record(partner_id)),
        ],
    )


async def list_partners(database: Database) -> list[Partner]:
    """Return all partners, oldest first."""
    return [_partner(row) for row in await database.fetch(LIST)]


async def find_partner(database: Database, who: str) -> Partner:
    """Return the partner with this id or e-mail address; raise NotFound."""
    row = await database.fetch_one(FIND, [who.strip().lower()])
    if row is None:
        raise NotFound(f"there is no partner {who}")
    return _partner(row)


async def change_partner(database: Database, partner_id: UUID, change: PartnerChange) -> Partner:
    """Change a partner's settings and return the changed partner. Raises NotFound."""
    row = await database.fetch_one(
        CHANGE,
        [
            partner_id,
            change.enabled,
            change.webhook_url,
            None if change.webhook_events is None else _names(change.webhook_events),
            change.standard_webhooks,
            change.markup_bps,
            change.base_fee_share_bps,
            change.budget,
            change.max_codes,
            change.signature_v2_only,
        ],
    )
    if row is None:
        raise NotFound(f"there is no partner {partner_id}")
    return _partner(row)


async def set_password(
    database: Database,
    *,
    user_id: UUID,
    partner_id: UUID,
    password_hash: str,
    one_time: bool,
    now: datetime,
) -> str:
    """Set the password of the member with the partner's e-mail address; return that address.

    The member becomes an owner. A one-time password must be changed at the first sign-in. Raises
    NotFound, and InvalidRequest if the address belongs to a member of another partner.
    """
    row = await database.fetch_one(SET_USER, [user_id, partner_id, password_hash, now, one_time])
    if row is None:
        partner = await find_partner(database, str(partner_id))
        raise InvalidRequest(f"{partner.email} signs in for another partner already")
    return str(row["email"])


async def read_access(database: Database, keyring: KeyRing, api_key: str) -> PartnerAccess | None:
    """Return the record for authentication with this key, or None for an unknown key."""
    row = await database.fetch_one(ACCESS, [api_key])
    if row is None:
        return None
    partner_id = UUID(row["id"])
    codes = await database.fetch(CODES, [partner_id])
    return PartnerAccess(
        id=partner_id,
        enabled=row["enabled"],
        api_key=row["api_key"],
        api_secret=keyring.try_open(row["api_secret_sealed"], record=api_secret_record(partner_id)),
        generation=row["generation"],
        markup_bps=row["markup_bps"],
        budget=row["budget"],
        codes={code["code"]: _code(code) for code in codes},
        networks=networks_of(row["api_networks"]),
        signature_v2_only=row["signature_v2_only"],
        signature_v2_used=row["signature_v2_used"],
    )


async def changed_keys(database: Database, since: int) -> tuple[Sequence[str], int]:
    """Return the API keys of partners changed after revision `since`, and the newest revision."""
    rows = await database.fetch(CHANGED, [since])
    return [row["api_key"] for row in rows], rows[-1]["revision"] if rows else since


def api_secret_record(partner_id: UUID) -> str:
    """Return the record that a sealed apiSecret is bound to."""
    return f"partner:{partner_id}:api_secret"


def webhook_secret_record(partner_id: UUID) -> str:
    """Return the record that a sealed webhookSecret is bound to."""
    return f"partner:{partner_id}:webhook_secret"


def _names(events: frozenset[EventType]) -> list[str]:
    return sorted(event.value for event in events)


def _partner(row: dict[str, Any]) -> Partner:
    return Partner(
        id=UUID(row["id"]),
        email=row["email"],
        name=row["name"],
        enabled=row["enabled"],
        api_key=row["api_key"],
        webhook_url=row["webhook_url"],
        webhook_events=frozenset(EventType(name) for name in row["webhook_events"]),
        standard_webhooks=row["standard_webhooks"],
        markup_bps=row["markup_bps"],
        base_fee_share_bps=row["base_fee_share_bps"],
        budget=row["budget"],
        max_codes=row["max_codes"],
        signature_v2_only=row["signature_v2_only"],
        signature_v2_used=row["signature_v2_used"],
    )


def _code(row: dict[str, Any]) -> Code:
    return Code(
        id=UUID(row["id"]),
        code=row["code"],
        markup_bps=row["markup_bps"],
        enabled=row["enabled"],
    )
