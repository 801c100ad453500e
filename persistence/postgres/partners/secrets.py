"""Rotation of partners' secrets under the gateway's role."""

import asyncio
from typing import Final
from uuid import UUID

from domain.partners.credentials import NewSecrets
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import api_secret_record, webhook_secret_record
from persistence.postgres.pool import Database, DatabaseUnavailable, Row

# Safe to repeat after a lost response: the same sealed secrets are recognized as stored already.
REPLACE = """
UPDATE partners SET
  api_secret_sealed = coalesce($3::bytea, api_secret_sealed),
  webhook_secret_sealed = coalesce($4::bytea, webhook_secret_sealed),
  generation = $2 + 1
WHERE id = $1 AND (generation = $2 OR (
  generation = $2 + 1
  AND api_secret_sealed = coalesce($3::bytea, api_secret_sealed)
  AND webhook_secret_sealed = coalesce($4::bytea, webhook_secret_sealed)))
RETURNING id
"""

PAUSES_SECONDS: Final = (0.1, 0.4, 1.0)
"""Delays before the statement is repeated after a lost response."""


class PostgresSecretRepository:
    """SecretRepository over PostgreSQL."""

    def __init__(self, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def replace(self, partner_id: UUID, secrets: NewSecrets, *, generation: int) -> bool:
        """See SecretRepository.

        If the response is lost after the commit, the old secret is invalid and nobody knows the new
        one. So the statement is repeated: it recognizes its own change.
        """
        api_secret = self._sealed(secrets.api_secret, api_secret_record(partner_id))
        webhook_secret = self._sealed(secrets.webhook_secret, webhook_secret_record(partner_id))
        parameters = [partner_id, generation, api_secret, webhook_secret]
        for pause in PAUSES_SECONDS:
            try:
                return await self._replaced(parameters)
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
        return await self._replaced(parameters)

    async def _replaced(self, parameters: list[object]) -> bool:
        row: Row | None = await self._database.fetch_one(REPLACE, parameters)
        return row is not None

    def _sealed(self, secret: str | None, record: str) -> bytes | None:
        return None if secret is None else self._keyring.seal(secret, record=record)
