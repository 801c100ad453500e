"""Partners in PostgreSQL: the operator creates and changes them, every process reads them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import InvalidCommand, NotFound
from domain.partners.codes import Code
from domain.partners.credentials import Credentials
from domain.partners.ip_allowlist import networks_of
from domain.partners.partner import DEFAULT_PARTNER_ID, Partner, PartnerAccess, PartnerChange
from domain.partners.scopes import Scope
from domain.webhooks.events import EventType
from persistence.keyring import KeyRing
from persistence.postgres.partners.api_keys import api_secret_record
from persistence.postgres.pool import Database

CREATE = """
WITH partner AS (
  INSERT INTO partners (id, email, name, webhook_secret_sealed, webhook_url, webhook_events,
    markup_bps, base_fee_share_bps, budget, max_codes, created_at)
  VALUES ($1, $2, $3, $6, $7, $8::text[], $9, $10, $11, $12, $13)
  ON CONFLICT (email) DO NOTHING
  RETURNING id
)
INSERT INTO api_keys (id, partner_id, api_key, api_secret_sealed, scope, signature_v2_only,
  created_at)
SELECT id, id, $4, $5, 'full', $14, $13 FROM partner
RETURNING id
"""

# The first key is accepted again if it was revoked.
REPLACE_SECRETS = """
WITH key AS (
  UPDATE api_keys SET api_secret_sealed = $2, previous_secret_sealed = NULL,
    previous_secret_until = NULL, revoked_at = NULL, generation = generation + 1
  WHERE id = $1
)
UPDATE partners SET webhook_secret_sealed = $3, generation = generation + 1 WHERE id = $1
"""

# A partner is known by its oldest key that is not revoked; the default partner has none.
COLUMNS = """
  id, email, name, enabled, webhook_url, webhook_events, standard_webhooks, markup_bps,
  base_fee_share_bps, budget, max_codes, coalesce((
    SELECT k.api_key FROM api_keys k WHERE k.partner_id = partners.id
    ORDER BY k.revoked_at IS NOT NULL, k.created_at, k.id LIMIT 1
  ), '') AS api_key
"""

# Without the default partner, which has no credentials (0023-house-partner.sql).
LIST = f"""
SELECT {COLUMNS} FROM partners WHERE id <> '{DEFAULT_PARTNER_ID}' ORDER BY id
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
  max_codes = coalesce($9, max_codes)
WHERE id = $1
RETURNING {COLUMNS}
"""  # noqa: S608  as above

ACCESS = """
SELECT p.id, p.enabled, p.revision, p.markup_bps, p.budget, k.id AS key_id, k.api_key,
  k.api_secret_sealed, k.previous_secret_sealed, k.scope, k.ip_allowlist, k.signature_v2_only,
  k.generation + p.generation AS generation,
  coalesce(extract(epoch FROM k.previous_secret_until), 0)::float8 AS previous_until,
  EXISTS (SELECT FROM signature_v2_uses u WHERE u.key_id = k.id) AS signature_v2_used
FROM api_keys k JOIN partners p ON p.id = k.partner_id WHERE k.api_key = $1
"""

CODES = "SELECT id, code, markup_bps, enabled FROM codes WHERE partner_id = $1"

CHANGED = """
SELECT k.api_key, p.revision FROM partners p LEFT JOIN api_keys k ON k.partner_id = p.id
WHERE p.revision > $1 ORDER BY p.revision
"""

REVISION = "SELECT revision FROM partners WHERE id = $1"

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
    signature_v2_only: bool = False,
    now: datetime,
) -> None:
    """Store a new partner and its first key; raise InvalidCommand for a known e-mail address."""
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
            signature_v2_only,
        ],
    )
    if row is None:
        raise InvalidCommand(f"there is a partner {partner.email} already")


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
    NotFound, and InvalidCommand if the address belongs to a member of another partner.
    """
    row = await database.fetch_one(SET_USER, [user_id, partner_id, password_hash, now, one_time])
    if row is None:
        partner = await find_partner(database, str(partner_id))
        raise InvalidCommand(f"{partner.email} signs in for another partner already")
    return str(row["email"])


async def read_access(database: Database, keyring: KeyRing, api_key: str) -> PartnerAccess | None:
    """Return the record for authentication with this key, or None for an unknown key.

    The codes may be newer than the revision, never older.
    """
    row = await database.fetch_one(ACCESS, [api_key])
    if row is None:
        return None
    partner_id, key_id = UUID(row["id"]), UUID(row["key_id"])
    codes = await database.fetch(CODES, [partner_id])
    record, previous = api_secret_record(key_id), row["previous_secret_sealed"]
    return PartnerAccess(
        id=partner_id,
        key_id=key_id,
        enabled=row["enabled"],
        api_key=row["api_key"],
        api_secret=keyring.try_open(row["api_secret_sealed"], record=record),
        previous_secret=None if previous is None else keyring.try_open(previous, record=record),
        previous_until=row["previous_until"],
        scope=Scope(row["scope"]),
        generation=row["generation"],
        revision=row["revision"],
        markup_bps=row["markup_bps"],
        budget=row["budget"],
        codes={code["code"]: _code(code) for code in codes},
        networks=networks_of(row["ip_allowlist"]),
        signature_v2_only=row["signature_v2_only"],
        signature_v2_used=row["signature_v2_used"],
    )


async def changed_keys(database: Database, since: int) -> tuple[Sequence[str], int]:
    """Return the API keys of partners changed after revision `since`, and the newest revision."""
    rows = await database.fetch(CHANGED, [since])
    keys = [row["api_key"] for row in rows if row["api_key"] is not None]
    return keys, rows[-1]["revision"] if rows else since


async def read_revision(database: Database, partner_id: UUID) -> int:
    """Return a partner's revision; raise NotFound, Unavailable."""
    row = await database.fetch_one(REVISION, [partner_id])
    if row is None:
        raise NotFound(f"there is no partner {partner_id}")
    revision: int = row["revision"]
    return revision


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
    )


def _code(row: dict[str, Any]) -> Code:
    return Code(
        id=UUID(row["id"]),
        code=row["code"],
        markup_bps=row["markup_bps"],
        enabled=row["enabled"],
    )
