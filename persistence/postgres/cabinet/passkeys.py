"""Passkeys in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.passkeys import Passkey
from persistence.postgres.pool import Database

LIST: Final = """
SELECT id, name, credential_id, public_key, sign_count, created_at, last_used_at
FROM passkeys WHERE member_id = $1 ORDER BY created_at, id
"""

# The lock serializes concurrent additions, so that the maximum holds.
ADD: Final = """
WITH factor AS MATERIALIZED (
  SELECT member_id FROM second_factors
  WHERE member_id = $2 AND confirmed_at IS NOT NULL FOR UPDATE
)
INSERT INTO passkeys (id, member_id, name, credential_id, public_key, sign_count, created_at)
SELECT $1, member_id, $3, $4, $5, $6, $7 FROM factor
WHERE (SELECT count(*) FROM passkeys WHERE member_id = $2) < $8
ON CONFLICT (credential_id) DO NOTHING
RETURNING id
"""

# Of two concurrent uses with the same counter, only the first updates the row. Authenticators that
# count nothing always report 0; there the session's challenge is what was used up.
RECORD_USE: Final = """
UPDATE passkeys SET sign_count = $3, last_used_at = $4
WHERE id = $1 AND sign_count = $2 AND (sign_count < $3 OR $3 = 0)
RETURNING id
"""

REMOVE: Final = "DELETE FROM passkeys WHERE member_id = $1 AND id = $2 RETURNING name"


class PostgresPasskeyRepository:
    """PasskeyRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_of(self, member_id: UUID) -> Sequence[Passkey]:
        """See PasskeyRepository."""
        rows = await self._database.fetch(LIST, [member_id])
        return [
            Passkey(
                id=UUID(row["id"]),
                member_id=member_id,
                name=row["name"],
                credential_id=bytes(row["credential_id"]),
                public_key=bytes(row["public_key"]),
                sign_count=row["sign_count"],
                created_at=row["created_at"],
                last_used_at=row["last_used_at"],
            )
            for row in rows
        ]

    async def add(self, passkey: Passkey, *, maximum: int) -> bool:
        """See PasskeyRepository."""
        values = [
            *(passkey.id, passkey.member_id, passkey.name, passkey.credential_id),
            *(passkey.public_key, passkey.sign_count, passkey.created_at, maximum),
        ]
        return await self._database.fetch_one(ADD, values) is not None

    async def record_use(self, passkey: Passkey, *, sign_count: int, now: datetime) -> bool:
        """See PasskeyRepository."""
        values = [passkey.id, passkey.sign_count, sign_count, now]
        return await self._database.fetch_one(RECORD_USE, values) is not None

    async def remove(self, member_id: UUID, passkey_id: UUID) -> str | None:
        """See PasskeyRepository."""
        row = await self._database.fetch_one(REMOVE, [member_id, passkey_id])
        return str(row["name"]) if row else None
