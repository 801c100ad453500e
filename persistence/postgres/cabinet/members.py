"""Team members in PostgreSQL: look-ups, and the changes members make to their own account."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.members import Member, Role, StoredPassword
from persistence.postgres.pool import Database

FIND_BY_EMAIL: Final = "SELECT id, password_hash FROM partner_users WHERE email = $1"

FIND: Final = """
SELECT u.id, u.partner_id, p.name AS partner_name, p.enabled, u.email, u.role, u.zone,
  u.one_time AS must_change_password, u.epoch, EXISTS (
    SELECT FROM second_factors f WHERE f.member_id = u.id AND f.confirmed_at IS NOT NULL
  ) AS second_factor, p.second_factor_required
FROM partner_users u JOIN partners p ON p.id = u.partner_id
WHERE u.id = $1
"""

FIND_BY_ID: Final = "SELECT id, password_hash FROM partner_users WHERE id = $1"

# Changes nothing if the password was replaced since it was read.
REPLACE_HASH: Final = """
UPDATE partner_users SET password_hash = $3, one_time = false, updated_at = $4
WHERE id = $1 AND password_hash = $2
RETURNING epoch
"""

SET_ZONE: Final = "UPDATE partner_users SET zone = $2, updated_at = $3 WHERE id = $1"

END_SESSIONS: Final = "UPDATE partner_users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch"

# For the operator, who does not sign in here: the audit log names no member as the actor.
SET_PASSWORD_FOR: Final = """
WITH changed AS (
  UPDATE partner_users SET password_hash = $2, one_time = true, updated_at = $3
  WHERE email = $1 OR id::text = $1
  RETURNING id, partner_id, email
), logged AS (
  INSERT INTO audit_log (id, partner_id, member_id, email, at, address, what, about)
  SELECT $4, partner_id, id, 'operator', $3, '', 'Set a one-time password', email FROM changed
)
SELECT email FROM changed
"""  # noqa: S105  a statement


class PostgresMemberRepository:
    """MemberRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def password_by_email(self, email: str) -> StoredPassword | None:
        """See MemberRepository."""
        return await self._password(FIND_BY_EMAIL, email)

    async def password_by_id(self, member_id: UUID) -> StoredPassword | None:
        """See MemberRepository."""
        return await self._password(FIND_BY_ID, member_id)

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
            must_change_password=row["must_change_password"],
            epoch=row["epoch"],
            second_factor=row["second_factor"],
            second_factor_required=row["second_factor_required"],
        )

    async def set_password(
        self, stored: StoredPassword, password_hash: str, *, now: datetime
    ) -> int | None:
        """See MemberRepository."""
        parameters = [stored.member_id, stored.password_hash, password_hash, now]
        row = await self._database.fetch_one(REPLACE_HASH, parameters)
        return int(row["epoch"]) if row else None

    async def set_zone(self, member_id: UUID, zone: str, *, now: datetime) -> None:
        """See MemberRepository."""
        await self._database.fetch(SET_ZONE, [member_id, zone, now])

    async def end_sessions(self, member_id: UUID) -> int | None:
        """See MemberRepository."""
        row = await self._database.fetch_one(END_SESSIONS, [member_id])
        return int(row["epoch"]) if row else None

    async def _password(self, statement: str, key: str | UUID) -> StoredPassword | None:
        row = await self._database.fetch_one(statement, [key])
        return StoredPassword(UUID(row["id"]), row["password_hash"]) if row else None


async def set_password_for(
    database: Database, member: str, *, password_hash: str, entry_id: UUID, now: datetime
) -> str | None:
    """Set a member's one-time password for the operator; return the member's email address.

    The member is given by email address or id; None without one.
    """
    parameters = [member.strip().lower(), password_hash, now, entry_id]
    row = await database.fetch_one(SET_PASSWORD_FOR, parameters)
    return str(row["email"]) if row else None
