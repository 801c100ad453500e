"""API keys in PostgreSQL: their rules and their last uses, without the secrets."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.errors import NotFound
from domain.partners.api_keys import ApiKey, PartnerKeys
from domain.partners.scopes import Scope
from persistence.keyring import KeyRing
from persistence.postgres.commits import Commits
from persistence.postgres.pool import Database

# A partner with as many keys as it may have gets no row: `room_for_api_key` in 0112-api-keys.sql.
ADD: Final = """
INSERT INTO api_keys (id, partner_id, api_key, api_secret_sealed, label, scope, ip_allowlist,
  signature_v2_only, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text[], $8, $9)
RETURNING id
"""

LIST: Final = """
SELECT k.id, k.api_key, k.label, k.scope, k.ip_allowlist, k.signature_v2_only,
  v.key_id IS NOT NULL AS signature_v2_used, k.generation + p.generation AS generation,
  k.created_at, coalesce(k.secret_rotated_at, k.created_at) AS secret_from,
  CASE WHEN k.previous_secret_until > now() THEN k.previous_secret_until END AS previous_until,
  u.used_at, k.revoked_at,
  coalesce(p.webhook_secret_rotated_at, p.created_at) AS webhook_secret_from
FROM partners p LEFT JOIN api_keys k ON k.partner_id = p.id
  LEFT JOIN api_key_uses u ON u.key_id = k.id LEFT JOIN signature_v2_uses v ON v.key_id = k.id
WHERE p.id = $1
ORDER BY k.revoked_at NULLS FIRST, k.created_at, k.id
"""

_OWN: Final = "WHERE id = $2 AND partner_id = $1 AND revoked_at IS NULL RETURNING id"
SET_LABEL: Final = f"UPDATE api_keys SET label = $3 {_OWN}"  # noqa: S608  our own constant
SET_IP_ALLOWLIST: Final = f"UPDATE api_keys SET ip_allowlist = $3::text[] {_OWN}"  # noqa: S608  our own constant
SET_V2_ONLY: Final = f"UPDATE api_keys SET signature_v2_only = $3 {_OWN}"  # noqa: S608  our own constant
REVOKE: Final = f"""
UPDATE api_keys SET revoked_at = $3, api_secret_sealed = '', previous_secret_sealed = NULL,
  previous_secret_until = NULL {_OWN}
"""  # noqa: S608  our own constant

FIRST_V2_USE: Final = """
INSERT INTO signature_v2_uses (key_id, first_used_at) VALUES ($1, $2)
ON CONFLICT (key_id) DO NOTHING
"""

# Ordered, so that workers cannot deadlock.
USED: Final = """
INSERT INTO api_key_uses (key_id, used_at)
SELECT id, $2 FROM api_keys WHERE api_key = ANY($1::text[]) ORDER BY id
ON CONFLICT (key_id) DO UPDATE SET used_at = greatest(api_key_uses.used_at, EXCLUDED.used_at)
"""


class PostgresKeyRepository:
    """KeyRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def add(self, partner_id: UUID, key: ApiKey, api_secret: str) -> bool:
        """See KeyRepository."""
        sealed = self._keyring.seal(api_secret, record=api_secret_record(key.id))
        parameters = [
            key.id,
            partner_id,
            key.api_key,
            sealed,
            key.label,
            key.scope.value,
            list(key.ip_allowlist),
            key.signature_v2_only,
            key.created_at,
        ]
        return await self._database.fetch_one(ADD, parameters) is not None

    async def list_of(self, partner_id: UUID) -> PartnerKeys:
        """See KeyRepository."""
        rows = await self._database.fetch(LIST, [partner_id])
        if not rows:
            raise NotFound(f"there is no partner {partner_id}")
        keys = [_key(row) for row in rows if row["id"] is not None]
        return PartnerKeys(keys, rows[0]["webhook_secret_from"])

    async def set_label(self, partner_id: UUID, key_id: UUID, label: str | None) -> bool:
        """See KeyRepository."""
        return await self._changes(SET_LABEL, partner_id, key_id, label)

    async def set_ip_allowlist(
        self, partner_id: UUID, key_id: UUID, networks: Sequence[str]
    ) -> bool:
        """See KeyRepository."""
        return await self._changes(SET_IP_ALLOWLIST, partner_id, key_id, list(networks))

    async def set_signature_v2_only(self, partner_id: UUID, key_id: UUID, *, v2_only: bool) -> bool:
        """See KeyRepository."""
        return await self._changes(SET_V2_ONLY, partner_id, key_id, v2_only)

    async def revoke(self, partner_id: UUID, key_id: UUID, *, now: datetime) -> bool:
        """See KeyRepository."""
        return await self._changes(REVOKE, partner_id, key_id, now)

    async def _changes(self, statement: str, partner_id: UUID, key_id: UUID, value: object) -> bool:
        row = await self._database.fetch_one(statement, [partner_id, key_id, value])
        return row is not None


def api_secret_record(key_id: UUID) -> str:
    """Return the record that a sealed apiSecret is bound to.

    A partner's first key has the partner's id: it was sealed before keys had ids of their own.
    """
    return f"partner:{key_id}:api_secret"


async def record_key_uses(commits: Commits, api_keys: Collection[str], *, at: datetime) -> None:
    """Record that these keys were used. Raises Unavailable."""
    await commits.fetch(USED, [list(api_keys), at])


async def record_first_v2_use(database: Database, key_id: UUID, *, at: datetime) -> None:
    """Record that a key has used version 2 of the signature. Raises Unavailable."""
    await database.fetch(FIRST_V2_USE, [key_id, at])


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=UUID(row["id"]),
        api_key=row["api_key"],
        label=row["label"],
        scope=Scope(row["scope"]),
        ip_allowlist=row["ip_allowlist"],
        signature_v2_only=row["signature_v2_only"],
        signature_v2_used=row["signature_v2_used"],
        generation=row["generation"],
        created_at=row["created_at"],
        secret_from=row["secret_from"],
        previous_until=row["previous_until"],
        used_at=row["used_at"],
        revoked_at=row["revoked_at"],
    )
