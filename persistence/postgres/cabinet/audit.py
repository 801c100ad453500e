"""The cabinet's audit log in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from domain.cabinet.audit import AuditEntry
from persistence.postgres.pool import Database

ADD: Final = """
INSERT INTO audit_log (id, partner_id, member_id, email, at, address, what, about)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

# Ids are UUIDv7, so ordering by id orders by time.
NEWEST: Final = """
SELECT id, partner_id, member_id, email, at, address, what AS action, about AS detail
FROM audit_log
WHERE partner_id = $1 AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""


class PostgresAuditLog:
    """AuditLog over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """See AuditLog."""
        await self._database.fetch(
            ADD,
            [
                *(entry.id, entry.partner_id, entry.member_id, entry.email),
                *(entry.at, entry.address, entry.action, entry.detail),
            ],
        )

    async def newest(
        self, partner_id: UUID, *, before: UUID | None, limit: int
    ) -> Sequence[AuditEntry]:
        """See AuditLog."""
        rows = await self._database.fetch(NEWEST, [partner_id, before, limit])
        return [_entry(row) for row in rows]


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=UUID(row["id"]),
        partner_id=UUID(row["partner_id"]),
        member_id=UUID(row["member_id"]),
        email=row["email"],
        at=row["at"],
        address=row["address"],
        action=row["action"],
        detail=row["detail"],
    )
