"""The people of the cabinet: found by e-mail or id, and what they change of themselves."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.members import KnownPassword, Member, Role
from persistence.postgres.pool import Database

BY_EMAIL: Final = "SELECT id, password_hash FROM partner_users WHERE email = $1"

FIND: Final = """
SELECT u.id, u.partner_id, p.name AS partner_name, p.enabled, u.email, u.role, u.zone, u.one_time,
  u.epoch, EXISTS (
    SELECT FROM second_factors f WHERE f.member_id = u.id AND f.confirmed_at IS NOT NULL
  ) AS second_factor
FROM partner_users u JOIN partners p ON p.id = u.partner_id
WHERE u.id = $1
"""

BY_ID: Final = "SELECT id, password_hash FROM partner_users WHERE id = $1"

# Only where the old password is still the one that was looked at.
REPLACE: Final = """
UPDATE partner_users SET password_hash = $3, one_time = false, updated_at = $4
WHERE id = $1 AND password_hash = $2
RETURNING epoch
"""

SET_ZONE: Final = "UPDATE partner_users SET zone = $2, updated_at = $3 WHERE id = $1"

SIGN_OUT: Final = "UPDATE partner_users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch"


class PostgresMemberRepository:
    """MemberRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known_password(self, email: str) -> KnownPassword | None:
        """See MemberRepository."""
        row = await self._database.fetch_one(BY_EMAIL, [email])
        return KnownPassword(UUID(row["id"]), row["password_hash"]) if row else None

    async def password_of(self, member_id: UUID) -> KnownPassword | None:
        """See MemberRepository."""
        row = await self._database.fetch_one(BY_ID, [member_id])
        return KnownPassword(UUID(row["id"]), row["password_hash"]) if row else None

    async def find(self, member_id: UUID) -> Member | None:
        """See MemberRepository."""
        row = await self._database.fetch_one(FIND, [member_id])
        if row is None:
            return None
        return Member(
            id=UUID(row["id"]),
            partner_id=UUID(row["partner_id"]),
            partner_name=row["partner_name"],
            enabled=row["enabled"],
            email=row["email"],
            role=Role(row["role"]),
            zone=row["zone"],
            one_time=row["one_time"],
            epoch=row["epoch"],
            second_factor=row["second_factor"],
        )

    async def set_password(
        self, known: KnownPassword, password_hash: str, *, now: datetime
    ) -> int | None:
        """See MemberRepository."""
        parameters = [known.member_id, known.password_hash, password_hash, now]
        row = await self._database.fetch_one(REPLACE, parameters)
        return int(row["epoch"]) if row else None

    async def set_zone(self, member_id: UUID, zone: str, *, now: datetime) -> None:
        """See MemberRepository."""
        await self._database.fetch(SET_ZONE, [member_id, zone, now])

    async def sign_out(self, member_id: UUID) -> int | None:
        """See MemberRepository."""
        row = await self._database.fetch_one(SIGN_OUT, [member_id])
        return int(row["epoch"]) if row else None
