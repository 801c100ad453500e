"""Settings of partners' API keys in PostgreSQL: rules and last uses, without secrets."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.partners.key_settings import KeySettings
from persistence.postgres.pool import Database

FIND: Final = """
SELECT p.api_key, p.generation, p.api_networks, p.api_secret_rotated_at,
  p.webhook_secret_rotated_at, p.created_at, u.used_at,
  p.signature_v2_only, v.partner_id IS NOT NULL AS signature_v2_used
FROM partners p LEFT JOIN api_key_uses u ON u.partner_id = p.id
  LEFT JOIN signature_v2_uses v ON v.partner_id = p.id
WHERE p.id = $1
"""

SET_IP_ALLOWLIST: Final = "UPDATE partners SET api_networks = $2::text[] WHERE id = $1"

SET_V2_ONLY: Final = "UPDATE partners SET signature_v2_only = $2 WHERE id = $1"

FIRST_V2_USE: Final = """
INSERT INTO signature_v2_uses (partner_id, first_used_at) VALUES ($1, $2)
ON CONFLICT (partner_id) DO NOTHING
"""

# Ordered, so that workers cannot deadlock.
USED: Final = """
INSERT INTO api_key_uses (partner_id, used_at)
SELECT id, $2 FROM partners WHERE id = ANY($1::uuid[]) ORDER BY id
ON CONFLICT (partner_id) DO UPDATE SET used_at = greatest(api_key_uses.used_at, EXCLUDED.used_at)
"""


class PostgresKeySettingsRepository:
    """KeySettingsRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, partner_id: UUID) -> KeySettings:
        """See KeySettingsRepository."""
        (row,) = await self._database.fetch(FIND, [partner_id])
        return KeySettings(
            api_key=row["api_key"],
            generation=row["generation"],
            ip_allowlist=row["api_networks"],
            api_secret_from=row["api_secret_rotated_at"] or row["created_at"],
            webhook_secret_from=row["webhook_secret_rotated_at"] or row["created_at"],
            used_at=row["used_at"],
            signature_v2_only=row["signature_v2_only"],
            signature_v2_used=row["signature_v2_used"],
        )

    async def set_ip_allowlist(self, partner_id: UUID, networks: Sequence[str]) -> None:
        """See KeySettingsRepository."""
        await self._database.fetch(SET_IP_ALLOWLIST, [partner_id, list(networks)])

    async def set_signature_v2_only(self, partner_id: UUID, *, v2_only: bool) -> None:
        """See KeySettingsRepository."""
        await self._database.fetch(SET_V2_ONLY, [partner_id, v2_only])


async def record_key_uses(database: Database, partners: Collection[UUID], *, at: datetime) -> None:
    """Record that these partners' keys were used. Raises Unavailable."""
    await database.fetch(USED, [list(partners), at])


async def record_first_v2_use(database: Database, partner_id: UUID, *, at: datetime) -> None:
    """Record that a partner has used version 2 of the signature. Raises Unavailable."""
    await database.fetch(FIRST_V2_USE, [partner_id, at])
