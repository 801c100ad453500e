"""Second factors in PostgreSQL: secrets are sealed, and every code is accepted once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cabinet.second_factor import SETUP_LIFETIME, StoredFactor
from domain.errors import NotFound, Unavailable
from persistence.keyring import KeyRing, SecretUnreadable
from persistence.postgres.pool import Database

# Never replaces a confirmed one: it has to be turned off first.
BEGIN: Final = """
INSERT INTO second_factors (member_id, secret_sealed, created_at) VALUES ($1, $2, $3)
ON CONFLICT (member_id) DO UPDATE
SET secret_sealed = EXCLUDED.secret_sealed, created_at = EXCLUDED.created_at
WHERE second_factors.confirmed_at IS NULL
RETURNING member_id
"""

FIND: Final = """
SELECT secret_sealed, confirmed_at IS NOT NULL AS confirmed,
  cardinality(recovery_hashes) AS recovery_codes_left
FROM second_factors WHERE member_id = $1 AND (confirmed_at IS NOT NULL OR created_at > $2)
"""

CONFIRM: Final = """
UPDATE second_factors SET confirmed_at = $2, last_step = $3, recovery_hashes = $4::text[]
WHERE member_id = $1 AND confirmed_at IS NULL AND last_step < $3
RETURNING member_id
"""

# Of two concurrent uses of the same code, only the first updates the row.
USE_STEP: Final = """
UPDATE second_factors SET last_step = $2
WHERE member_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2
RETURNING member_id
"""

USE_RECOVERY_CODE: Final = """
UPDATE second_factors SET recovery_hashes = array_remove(recovery_hashes, $2::text)
WHERE member_id = $1 AND confirmed_at IS NOT NULL AND $2::text = ANY(recovery_hashes)
RETURNING cardinality(recovery_hashes) AS recovery_codes_left
"""

REPLACE_RECOVERY_CODES: Final = """
UPDATE second_factors SET recovery_hashes = $2::text[]
WHERE member_id = $1 AND confirmed_at IS NOT NULL
RETURNING member_id
"""

# For the operator: finds a member by email address or id, or a partner's first member by the
# partner's id, and records the change in the audit log.
TURN_OFF_FOR: Final = """
WITH found AS (
  SELECT u.id, u.partner_id, u.email FROM partner_users u JOIN partners p ON p.id = u.partner_id
  WHERE u.email = $1 OR u.id::text = $1 OR (p.id::text = $1 AND u.email = p.email)
  LIMIT 1
), deleted AS (
  DELETE FROM second_factors f USING found WHERE f.member_id = found.id RETURNING f.member_id
), logged AS (
  INSERT INTO audit_log (id, partner_id, member_id, email, at, address, what, about)
  SELECT $2, partner_id, id, 'operator', $3, '', 'Turned off two-factor authentication', email
  FROM found JOIN deleted ON deleted.member_id = found.id
)
SELECT email, EXISTS (SELECT FROM deleted) AS turned_off FROM found
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
        return await self._changed(BEGIN, [member_id, sealed, now])

    async def find(self, member_id: UUID, *, now: datetime) -> StoredFactor | None:
        """See SecondFactorRepository."""
        row = await self._database.fetch_one(FIND, [member_id, now - SETUP_LIFETIME])
        if row is None:
            return None
        try:
            secret = self._keyring.open(row["secret_sealed"], record=factor_record(member_id))
        except SecretUnreadable as error:  # fail closed: never sign in without the code
            raise Unavailable(f"a second factor cannot be decrypted: {error}") from error
        return StoredFactor(
            member_id,
            secret,
            confirmed=row["confirmed"],
            recovery_codes_left=row["recovery_codes_left"],
        )

    async def confirm(
        self, member_id: UUID, *, step: int, recovery_hashes: Sequence[str], now: datetime
    ) -> bool:
        """See SecondFactorRepository."""
        return await self._changed(CONFIRM, [member_id, now, step, list(recovery_hashes)])

    async def use_step(self, member_id: UUID, step: int) -> bool:
        """See SecondFactorRepository."""
        return await self._changed(USE_STEP, [member_id, step])

    async def use_recovery_code(self, member_id: UUID, code_hash: str) -> int | None:
        """See SecondFactorRepository."""
        row = await self._database.fetch_one(USE_RECOVERY_CODE, [member_id, code_hash])
        return int(row["recovery_codes_left"]) if row else None

    async def replace_recovery_codes(self, member_id: UUID, hashes: Sequence[str]) -> bool:
        """See SecondFactorRepository."""
        return await self._changed(REPLACE_RECOVERY_CODES, [member_id, list(hashes)])

    async def turn_off(self, member_id: UUID) -> bool:
        """See SecondFactorRepository."""
        return await self._changed(TURN_OFF, [member_id])

    async def _changed(self, statement: str, parameters: list[object]) -> bool:
        return await self._database.fetch_one(statement, parameters) is not None


async def turn_off_for(database: Database, member: str, *, entry_id: UUID, now: datetime) -> str:
    """Turn off a member's second factor for the operator; return the member's email address.

    Raises NotFound for an unknown member, and for one without a second factor.
    """
    row = await database.fetch_one(TURN_OFF_FOR, [member.strip().lower(), entry_id, now])
    if row is None:
        raise NotFound(f"no team member {member}")
    if not row["turned_off"]:
        raise NotFound(f"{row['email']} has no second factor")
    return str(row["email"])


def factor_record(member_id: UUID) -> str:
    """Return the record that a sealed second factor is bound to."""
    return f"member:{member_id}:second_factor"
