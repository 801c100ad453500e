"""Requested links to reset a password in PostgreSQL."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.password_reset import LIFETIME, ResetToSend
from persistence.postgres.pool import Database

REQUEST: Final = """
INSERT INTO password_resets (id, member_id, epoch, address, requested_at, next_attempt_at)
SELECT $1, u.id, u.epoch, $3, $4, $4
FROM (SELECT $2::text AS email) AS requested LEFT JOIN partner_users u USING (email)
"""

# After a failed attempt the next one follows in 15 s, then twice as long each time, up to 5 min.
CLAIM: Final = """
UPDATE password_resets r
SET token_hash = $1, attempts = r.attempts + 1, expires_at = $3,
  next_attempt_at = $2 + least(15 * 2 ^ r.attempts, 300) * interval '1 second'
FROM partner_users u
WHERE u.id = r.member_id AND r.id = (
  SELECT w.id FROM password_resets w JOIN partner_users m ON m.id = w.member_id
  WHERE w.sent_at IS NULL AND w.used_at IS NULL AND w.next_attempt_at <= $2
    AND w.requested_at > $4 AND w.epoch = m.epoch
  ORDER BY w.requested_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED
)
RETURNING r.id, r.member_id, u.partner_id, u.email, r.address
"""

MARK_SENT: Final = "UPDATE password_resets SET sent_at = $2 WHERE id = $1"

FIND: Final = """
SELECT r.member_id FROM password_resets r JOIN partner_users u ON u.id = r.member_id
WHERE r.token_hash = $1 AND r.used_at IS NULL AND r.expires_at > $2 AND r.epoch = u.epoch
"""

# Of two concurrent uses of a link, or of two links of a member, only the first finds the epoch that
# the link was requested at: replacing the password changes it.
USE: Final = """
WITH found AS (
  SELECT r.id, r.member_id, r.epoch FROM password_resets r
  WHERE r.token_hash = $1 AND r.used_at IS NULL AND r.expires_at > $3
), changed AS (
  UPDATE partner_users u SET password_hash = $2, one_time = false, updated_at = $3
  FROM found WHERE u.id = found.member_id AND u.epoch = found.epoch
  RETURNING u.id, u.epoch
), used AS (
  UPDATE password_resets r SET used_at = $3 FROM changed
  WHERE r.member_id = changed.id AND r.used_at IS NULL
)
SELECT epoch FROM changed
"""

PURGE: Final = "DELETE FROM password_resets WHERE requested_at < $1"


class PostgresPasswordResetRepository:
    """PasswordResetRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, request_id: UUID, email: str, *, address: str, now: datetime) -> None:
        """See PasswordResetRepository."""
        await self._database.fetch(REQUEST, [request_id, email, address, now])

    async def claim(self, token_hash: str, *, now: datetime) -> ResetToSend | None:
        """See PasswordResetRepository."""
        values = [token_hash, now, now + LIFETIME, now - LIFETIME]
        row = await self._database.fetch_one(CLAIM, values)
        if row is None:
            return None
        return ResetToSend(
            id=UUID(row["id"]),
            member_id=UUID(row["member_id"]),
            partner_id=UUID(row["partner_id"]),
            email=row["email"],
            address=row["address"],
        )

    async def mark_sent(self, request_id: UUID, *, now: datetime) -> None:
        """See PasswordResetRepository."""
        await self._database.fetch(MARK_SENT, [request_id, now])

    async def find(self, token_hash: str, *, now: datetime) -> UUID | None:
        """See PasswordResetRepository."""
        row = await self._database.fetch_one(FIND, [token_hash, now])
        return UUID(row["member_id"]) if row else None

    async def use(self, token_hash: str, *, password_hash: str, now: datetime) -> int | None:
        """See PasswordResetRepository."""
        row = await self._database.fetch_one(USE, [token_hash, password_hash, now])
        return int(row["epoch"]) if row else None

    async def purge(self, *, before: datetime) -> None:
        """See PasswordResetRepository."""
        await self._database.fetch(PURGE, [before])
