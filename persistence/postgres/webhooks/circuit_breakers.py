"""Circuits of webhook endpoints: read and saved by every worker, the later of two saves losing."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec

from domain.webhooks.circuit_breaker import CircuitBreaker, VersionedCircuitBreaker
from persistence.postgres.pool import Database

COLUMNS = """
  c.version, c.concurrency, c.window_began_at, c.attempts, c.failures, c.failed_at, c.opened_at,
  c.probe_at, c.failed_probes
"""

READ = f"""
SELECT c.partner_id, {COLUMNS} FROM webhook_circuits c WHERE c.partner_id = ANY ($1::uuid[])
"""  # noqa: S608  the columns are this module's own constant

# In the order of their ids: of two workers that save the same circuits none waits for the other's.
SAVE = """
INSERT INTO webhook_circuits AS c (partner_id, version, concurrency, window_began_at, attempts,
  failures, failed_at, opened_at, probe_at, failed_probes)
SELECT partner_id, version + 1, concurrency, window_began_at, attempts, failures, failed_at,
  opened_at, probe_at, failed_probes
FROM json_to_recordset($1::text::json) AS given (
  partner_id uuid, version bigint, concurrency integer, window_began_at timestamptz,
  attempts integer, failures integer, failed_at timestamptz, opened_at timestamptz,
  probe_at timestamptz, failed_probes integer)
ORDER BY partner_id
ON CONFLICT (partner_id) DO UPDATE SET
  version = EXCLUDED.version, concurrency = EXCLUDED.concurrency,
  window_began_at = EXCLUDED.window_began_at, attempts = EXCLUDED.attempts,
  failures = EXCLUDED.failures, failed_at = EXCLUDED.failed_at, opened_at = EXCLUDED.opened_at,
  probe_at = EXCLUDED.probe_at, failed_probes = EXCLUDED.failed_probes
WHERE c.version = EXCLUDED.version - 1
RETURNING partner_id
"""

FORGET = """
DELETE FROM webhook_circuits c
USING json_to_recordset($1::text::json) AS given (partner_id uuid, version bigint)
WHERE c.partner_id = given.partner_id AND c.version = given.version
RETURNING c.partner_id
"""


class PostgresCircuitBreakers:
    """Circuits over PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, partners: Collection[UUID]) -> Mapping[UUID, VersionedCircuitBreaker]:
        """Return what is remembered of these partners' endpoints."""
        rows = await self._database.fetch(READ, [list(partners)])
        return {UUID(row["partner_id"]): versioned_circuit_breaker(row) for row in rows}

    async def save(self, circuits: Mapping[UUID, VersionedCircuitBreaker]) -> set[UUID]:
        """Store circuits; return the partners of those that had not changed since."""
        given = [
            {"partner_id": partner, "version": one.version, **msgspec.structs.asdict(one.circuit)}
            for partner, one in circuits.items()
        ]
        rows = await self._database.fetch(SAVE, [msgspec.json.encode(given).decode()])
        return {UUID(row["partner_id"]) for row in rows}

    async def forget(self, versions: Mapping[UUID, int]) -> set[UUID]:
        """Remove circuits; return the partners of those that had not changed since."""
        given = [{"partner_id": one, "version": version} for one, version in versions.items()]
        rows = await self._database.fetch(FORGET, [msgspec.json.encode(given).decode()])
        return {UUID(row["partner_id"]) for row in rows}


def versioned_circuit_breaker(row: Mapping[str, Any]) -> VersionedCircuitBreaker:
    """Return the circuit of a row that has COLUMNS."""
    return VersionedCircuitBreaker(
        CircuitBreaker(
            concurrency=row["concurrency"],
            window_began_at=row["window_began_at"],
            attempts=row["attempts"],
            failures=row["failures"],
            failed_at=row["failed_at"],
            opened_at=row["opened_at"],
            probe_at=row["probe_at"],
            failed_probes=row["failed_probes"],
        ),
        row["version"],
    )
