"""Rotation of secrets under the gateway's role."""

import asyncio
from typing import Final
from uuid import UUID

from domain.partners.credentials import NewSecrets
from persistence.keyring import KeyRing
from persistence.postgres.partners.api_keys import api_secret_record
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database, DatabaseUnavailable, Row

# The generation counts rotations of the key's apiSecret and of its partner's webhookSecret. Both
# rows are locked first, so that of concurrent rotations of either secret one sees the other's.
# Safe to repeat after a lost response: the same sealed secrets are recognized as stored already.
REPLACE = """
WITH locked AS MATERIALIZED (
  SELECT k.id, k.partner_id, k.generation + p.generation AS generation, k.api_secret_sealed,
    p.webhook_secret_sealed
  FROM api_keys k JOIN partners p ON p.id = k.partner_id
  WHERE k.id = $1 AND k.revoked_at IS NULL
  FOR NO KEY UPDATE OF k, p
), allowed AS MATERIALIZED (
  SELECT *, generation <> $2 AS repeated FROM locked
  WHERE generation = $2 OR (
    generation = $2 + ($3::bytea IS NOT NULL)::integer + ($4::bytea IS NOT NULL)::integer
    AND api_secret_sealed = coalesce($3::bytea, api_secret_sealed)
    AND webhook_secret_sealed = coalesce($4::bytea, webhook_secret_sealed))
), key AS (
  UPDATE api_keys k SET
    api_secret_sealed = $3::bytea,
    previous_secret_sealed = CASE WHEN $5 > 0 THEN k.api_secret_sealed END,
    previous_secret_until = CASE WHEN $5 > 0 THEN now() + $5 * interval '1 second' END,
    secret_rotated_at = now(),
    generation = k.generation + 1
  FROM allowed a WHERE k.id = a.id AND NOT a.repeated AND $3::bytea IS NOT NULL
)
UPDATE partners p SET
  webhook_secret_sealed = CASE WHEN a.repeated THEN p.webhook_secret_sealed
    ELSE coalesce($4::bytea, p.webhook_secret_sealed) END,
  generation = p.generation + (NOT a.repeated AND $4::bytea IS NOT NULL)::integer
FROM allowed a WHERE p.id = a.partner_id
RETURNING p.revision
"""

PAUSES_SECONDS: Final = (0.1, 0.4, 1.0)
"""Delays before the statement is repeated after a lost response."""


class PostgresSecretRepository:
    """SecretRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def replace(
        self,
        partner_id: UUID,
        key_id: UUID,
        secrets: NewSecrets,
        *,
        generation: int,
        overlap_seconds: int = 0,
    ) -> int | None:
        """See SecretRepository.

        If the response is lost after the commit, the old secret is invalid and nobody knows the new
        one. So the statement is repeated: it recognizes its own change.
        """
        api_secret = self._sealed(secrets.api_secret, api_secret_record(key_id))
        webhook_secret = self._sealed(secrets.webhook_secret, webhook_secret_record(partner_id))
        parameters = [key_id, generation, api_secret, webhook_secret, overlap_seconds]
        for pause in PAUSES_SECONDS:
            try:
                return await self._replaced(parameters)
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
        return await self._replaced(parameters)

    async def _replaced(self, parameters: list[object]) -> int | None:
        row: Row | None = await self._database.fetch_one(REPLACE, parameters)
        return row["revision"] if row is not None else None

    def _sealed(self, secret: str | None, record: str) -> bytes | None:
        return None if secret is None else self._keyring.seal(secret, record=record)
