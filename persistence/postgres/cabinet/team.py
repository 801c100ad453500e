"""A partner's team in PostgreSQL: owners change it, and one owner always remains."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.cabinet.members import MAX_MEMBERS, Member, NewMember, Role, TeamMember
from persistence.postgres.pool import Database

ALL: Final = """
SELECT u.id, u.email, u.role, u.one_time AS must_change_password, EXISTS (
    SELECT FROM second_factors f WHERE f.member_id = u.id AND f.confirmed_at IS NOT NULL
  ) AS second_factor
FROM partner_users u WHERE u.partner_id = $1
ORDER BY array_position(ARRAY['owner', 'developer', 'viewer'], u.role), u.email
"""

# Locks the whole team, in one order, so that concurrent changes are serialized: of two owners who
# remove each other, one succeeds.
_TEAM: Final = """
WITH team AS MATERIALIZED (
  SELECT id, role FROM partner_users WHERE partner_id = $1 ORDER BY id FOR UPDATE
), allowed AS (SELECT FROM team WHERE id = $2 AND role = 'owner')
"""

INVITE: Final = f"""
{_TEAM}
INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, updated_at, role)
SELECT $3, $1, $4, $5, true, $6, $7 FROM allowed
WHERE (SELECT count(*) FROM team) < {MAX_MEMBERS}
ON CONFLICT (email) DO NOTHING
RETURNING email
"""  # noqa: S608  composed of constants

SET_ROLE: Final = f"""
{_TEAM}
UPDATE partner_users u SET role = $4, updated_at = $5 FROM allowed
WHERE u.partner_id = $1 AND u.id = $3
  AND ($4 = 'owner' OR EXISTS (SELECT FROM team WHERE role = 'owner' AND id <> $3))
RETURNING u.email
"""  # noqa: S608  as above

REMOVE: Final = f"""
{_TEAM}
DELETE FROM partner_users u USING allowed
WHERE u.partner_id = $1 AND u.id = $3
  AND EXISTS (SELECT FROM team WHERE role = 'owner' AND id <> $3)
RETURNING u.email
"""  # noqa: S608  as above

SET_PASSWORD: Final = f"""
{_TEAM}
UPDATE partner_users u SET password_hash = $4, one_time = true, updated_at = $5 FROM allowed
WHERE u.partner_id = $1 AND u.id = $3
RETURNING u.email
"""  # noqa: S608  as above

REQUIRE_SECOND_FACTOR: Final = """
UPDATE partners p SET second_factor_required = $3 FROM partner_users u
WHERE p.id = $1 AND u.id = $2 AND u.partner_id = p.id AND u.role = 'owner'
RETURNING p.email
"""


class PostgresTeamRepository:
    """TeamRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def members_of(self, partner_id: UUID) -> Sequence[TeamMember]:
        """See TeamRepository."""
        rows = await self._database.fetch(ALL, [partner_id])
        return [
            TeamMember(
                id=UUID(row["id"]),
                email=row["email"],
                role=Role(row["role"]),
                must_change_password=row["must_change_password"],
                second_factor=row["second_factor"],
            )
            for row in rows
        ]

    async def invite(
        self, actor: Member, member: NewMember, *, password_hash: str, now: datetime
    ) -> bool:
        """See TeamRepository."""
        values = [member.id, member.email, password_hash, now, member.role.value]
        return await self._email(INVITE, actor, values) is not None

    async def set_role(
        self, actor: Member, member_id: UUID, role: Role, *, now: datetime
    ) -> str | None:
        """See TeamRepository."""
        return await self._email(SET_ROLE, actor, [member_id, role.value, now])

    async def remove(self, actor: Member, member_id: UUID) -> str | None:
        """See TeamRepository."""
        return await self._email(REMOVE, actor, [member_id])

    async def require_second_factor(self, actor: Member, *, required: bool) -> bool:
        """See TeamRepository."""
        return await self._email(REQUIRE_SECOND_FACTOR, actor, [required]) is not None

    async def set_one_time_password(
        self, actor: Member, member_id: UUID, password_hash: str, *, now: datetime
    ) -> str | None:
        """See TeamRepository."""
        return await self._email(SET_PASSWORD, actor, [member_id, password_hash, now])

    async def _email(self, statement: str, actor: Member, values: list[Any]) -> str | None:
        row = await self._database.fetch_one(statement, [actor.partner_id, actor.id, *values])
        return str(row["email"]) if row else None
