"""Stores the circuit breakers of webhook endpoints, shared by all workers.

Each save states the version it read: of two concurrent saves the later one has no effect.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec

from domain.webhooks.circuit_breaker import CircuitBreaker, VersionedCircuitBreaker
from persistence.postgres.pool import Database

COLUMNS = """
  c.version, c.concurrency, c.window_started_at, c.attempts, c.failures, c.failed_at, c.opened_at,
  c.half_open_at, c.failed_trials
"""

READ = f"""
SELECT c.partner_id, {COLUMNS} FROM webhook_circuit_breakers c
WHERE c.partner_id = ANY ($1::uuid[])
"""  # noqa: S608  the columns are this module's own constant

# In the order of their ids, so that two workers that save the same breakers do not deadlock.
SAVE = """
INSERT INTO webhook_circuit_breakers AS c (partner_id, version, concurrency, window_started_at,
  attempts, failures, failed_at, opened_at, half_open_at, failed_trials)
SELECT partner_id, version + 1, concurrency, window_started_at, attempts, failures, failed_at,
  opened_at, half_open_at, failed_trials
FROM json_to_recordset($1::text::json) AS saved (
  partner_id uuid, version bigint, concurrency integer, window_started_at timestamptz,
  attempts integer, failures integer, failed_at timestamptz, opened_at timestamptz,
  half_open_at timestamptz, failed_trials integer)
ORDER BY partner_id
ON CONFLICT (partner_id) DO UPDATE SET
  version = EXCLUDED.version, concurrency = EXCLUDED.concurrency,
  window_started_at = EXCLUDED.window_started_at, attempts = EXCLUDED.attempts,
  failures = EXCLUDED.failures, failed_at = EXCLUDED.failed_at, opened_at = EXCLUDED.opened_at,
  half_open_at = EXCLUDED.half_open_at, failed_trials = EXCLUDED.failed_trials
WHERE c.version = EXCLUDED.version - 1
RETURNING partner_id
"""

DELETE = """
DELETE FROM webhook_circuit_breakers c
USING json_to_recordset($1::text::json) AS read (partner_id uuid, version bigint)
WHERE c.partner_id = read.partner_id AND c.version = read.version
RETURNING c.partner_id
"""


class PostgresCircuitBreakers:
    """CircuitBreakers over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, partner_ids: Collection[UUID]) -> Mapping[UUID, VersionedCircuitBreaker]:
        """See CircuitBreakers."""
        rows = await self._database.fetch(READ, [list(partner_ids)])
        return {UUID(row["partner_id"]): versioned_circuit_breaker(row) for row in rows}

    async def save(self, breakers: Mapping[UUID, VersionedCircuitBreaker]) -> set[UUID]:
        """See CircuitBreakers."""
        records = [
            {
                "partner_id": partner_id,
                "version": versioned.version,
                **msgspec.structs.asdict(versioned.circuit_breaker),
            }
            for partner_id, versioned in breakers.items()
        ]
        rows = await self._database.fetch(SAVE, [msgspec.json.encode(records).decode()])
        return {UUID(row["partner_id"]) for row in rows}

    async def delete(self, versions: Mapping[UUID, int]) -> set[UUID]:
        """See CircuitBreakers."""
        records = [
            {"partner_id": partner_id, "version": version}
            for partner_id, version in versions.items()
        ]
        rows = await self._database.fetch(DELETE, [msgspec.json.encode(records).decode()])
        return {UUID(row["partner_id"]) for row in rows}


def versioned_circuit_breaker(row: Mapping[str, Any]) -> VersionedCircuitBreaker:
    """Return the circuit breaker of a row that has COLUMNS."""
    return VersionedCircuitBreaker(
        CircuitBreaker(
            concurrency=row["concurrency"],
            window_started_at=row["window_started_at"],
            attempts=row["attempts"],
            failures=row["failures"],
            failed_at=row["failed_at"],
            opened_at=row["opened_at"],
            half_open_at=row["half_open_at"],
            failed_trials=row["failed_trials"],
        ),
        row["version"],
    )
