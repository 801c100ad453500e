"""Second factors: kept sealed, and each code and recovery code good for one time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.second_factor import SET_UP_WITHIN, StoredFactor
from domain.errors import NotFound, Unavailable
from persistence.keyring import KeyRing, SecretUnreadable
from persistence.postgres.pool import Database

# A confirmed one stays: it has to be turned off first.
BEGIN: Final = """
INSERT INTO second_factors (member_id, secret_sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (member_id) DO UPDATE
SET secret_sealed = EXCLUDED.secret_sealed, created_at = EXCLUDED.created_at
WHERE second_factors.confirmed_at IS NULL
RETURNING member_id
"""

FIND: Final = """
SELECT secret_sealed, confirmed_at IS NOT NULL AS confirmed,
  cardinality(recovery_hashes) AS recovery_left
FROM second_factors WHERE member_id = $1 AND (confirmed_at IS NOT NULL OR created_at > $2)
"""

CONFIRM: Final = """
UPDATE second_factors SET confirmed_at = $2, last_step = $3, recovery_hashes = $4::text[]
WHERE member_id = $1 AND confirmed_at IS NULL AND last_step < $3
RETURNING member_id
"""

# Of two that come with the same code at once, the second finds its step used.
USE_STEP: Final = """
UPDATE second_factors SET last_step = $2
WHERE member_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2
RETURNING member_id
"""

USE_RECOVERY: Final = """
UPDATE second_factors SET recovery_hashes = array_remove(recovery_hashes, $2::text)
WHERE member_id = $1 AND confirmed_at IS NOT NULL AND $2::text = ANY(recovery_hashes)
RETURNING cardinality(recovery_hashes) AS recovery_left
"""

RENEW_RECOVERY: Final = """
UPDATE second_factors SET recovery_hashes = $2::text[]
WHERE member_id = $1 AND confirmed_at IS NOT NULL
RETURNING member_id
"""

# By the operator: a member by e-mail address or id, or a partner's own user. The log says so.
TURN_OFF_FOR: Final = """
WITH found AS (
  SELECT u.id, u.partner_id, u.email FROM partner_users u JOIN partners p ON p.id = u.partner_id
  WHERE u.email = $1 OR u.id::text = $1 OR (p.id::text = $1 AND u.email = p.email)
  LIMIT 1
), gone AS (
  DELETE FROM second_factors f USING found WHERE f.member_id = found.id RETURNING f.member_id
), logged AS (
  INSERT INTO audit_log (id, partner_id, member_id, email, at, address, what, about)
  SELECT $2, partner_id, id, 'operator', $3, '', 'Turned the second factor off', email
  FROM found JOIN gone ON gone.member_id = found.id
)
SELECT email, EXISTS (SELECT FROM gone) AS turned_off FROM found
"""

TURN_OFF: Final = "DELETE FROM second_factors WHERE member_id = $1 RETURNING member_id"


class PostgresSecondFactorRepository:
    """SecondFactorRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def begin(self, member_id: UUID, secret: str, *, now: datetime) -> bool:
        """See SecondFactorRepository."""
        sealed = self._keyring.seal(secret, record=factor_record(member_id))
        return await self._did(BEGIN, [member_id, sealed, now])

    async def find(self, member_id: UUID, *, now: datetime) -> StoredFactor | None:
        """See SecondFactorRepository."""
        row = await self._database.fetch_one(FIND, [member_id, now - SET_UP_WITHIN])
        if row is None:
            return None
        try:
            secret = self._keyring.open(row["secret_sealed"], record=factor_record(member_id))
        except SecretUnreadable as error:  # nobody gets in without it: rather nobody at all
            raise Unavailable(f"the second factor can't be read: {error}") from error
        return StoredFactor(
            member_id, secret, confirmed=row["confirmed"], recovery_left=row["recovery_left"]
        )

    async def confirm(
        self, member_id: UUID, *, step: int, recovery_hashes: Sequence[str], now: datetime
    ) -> bool:
        """See SecondFactorRepository."""
        return await self._did(CONFIRM, [member_id, now, step, list(recovery_hashes)])

    async def use_step(self, member_id: UUID, step: int) -> bool:
        """See SecondFactorRepository."""
        return await self._did(USE_STEP, [member_id, step])

    async def use_recovery(self, member_id: UUID, code_hash: str) -> int | None:
        """See SecondFactorRepository."""
        row = await self._database.fetch_one(USE_RECOVERY, [member_id, code_hash])
        return int(row["recovery_left"]) if row else None

    async def renew_recovery(self, member_id: UUID, hashes: Sequence[str]) -> bool:
        """See SecondFactorRepository."""
        return await self._did(RENEW_RECOVERY, [member_id, list(hashes)])

    async def turn_off(self, member_id: UUID) -> bool:
        """See SecondFactorRepository."""
        return await self._did(TURN_OFF, [member_id])

    async def _did(self, statement: str, parameters: list[object]) -> bool:
        return await self._database.fetch_one(statement, parameters) is not None


async def turn_off_for(database: Database, who: str, *, entry_id: UUID, now: datetime) -> str:
    """Turn off somebody's second factor for the operator; return the e-mail address.

    Raises NotFound for nobody, and for somebody without one.
    """
    row = await database.fetch_one(TURN_OFF_FOR, [who.strip().lower(), entry_id, now])
    if row is None:
        raise NotFound(f"nobody signs in to the cabinet as {who}")
    if not row["turned_off"]:
        raise NotFound(f"{row['email']} has no second factor")
    return str(row["email"])


def factor_record(member_id: UUID) -> str:
    """Return what a sealed second factor is bound to."""
    return f"member:{member_id}:second_factor"
