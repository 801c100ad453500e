"""Failed attempts to pay orders out, one row per order that is failing or on hold."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from domain.chains.attempts import (
    MAX_RETRY_DELAY,
    MIN_RETRY_DELAY,
    FailingOrders,
    Failure,
    RecordedFailure,
)
from domain.chains.leases import CurrentLease
from persistence.postgres.chains.leases import fence, leader
from persistence.postgres.pool import Database

# $8 is doubled with each failure after the first, up to $9, in seconds.
RECORD = f"""
WITH {leader(network=10, token=11)}
INSERT INTO outflow_attempts AS a
  (order_id, network, failures, reason, detail, failing_since, next_attempt_at, held_at)
SELECT $1::uuid, $2::text, 1, $3::text, $4::text, $5::timestamptz,
  CASE WHEN $6 THEN $5::timestamptz + make_interval(secs => $8::float8) END,
  CASE WHEN $7 THEN $5::timestamptz END
FROM leader WHERE NOT EXISTS (SELECT FROM proposals p WHERE p.id = $1 AND p.closed_at IS NOT NULL)
ON CONFLICT (order_id) DO UPDATE SET failures = a.failures + 1, network = EXCLUDED.network,
  reason = EXCLUDED.reason, detail = EXCLUDED.detail,
  next_attempt_at = CASE WHEN $6 THEN $5::timestamptz
    + make_interval(secs => least($9::float8, $8::float8 * 2 ^ least(a.failures, 30))) END,
  held_at = CASE WHEN $7 THEN coalesce(a.held_at, EXCLUDED.held_at) END
WHERE a.reason <> 'operator' AND (a.next_attempt_at <= $5 OR a.reason <> $3)
RETURNING failures, failing_since
"""  # noqa: S608  numbers of parameters

CLEAR = f"""
WITH {leader(network=2, token=3)}
DELETE FROM outflow_attempts
WHERE order_id = ANY ($1::uuid[]) AND reason <> 'operator' AND EXISTS (SELECT FROM leader)
"""  # noqa: S608  as above

SUMMARY = """
SELECT count(*) AS failing, count(held_at) AS held, min(failing_since) AS oldest
FROM outflow_attempts WHERE network = $1
"""


class PostgresAttemptRepository:
    """AttemptRepository over PostgreSQL, under settlement's role."""

    def __init__(self, database: Database, *, lease: CurrentLease) -> None:
        """Write only while `lease` returns a valid lease."""
        self._database = database
        self._lease = lease

    async def record(
        self, network: str, order_id: UUID, failure: Failure, *, at: datetime
    ) -> RecordedFailure | None:
        """See AttemptRepository."""
        parameters = [
            order_id,
            network,
            failure.reason.value,
            failure.detail,
            at,
            failure.is_attempted_again,
            failure.is_held,
            MIN_RETRY_DELAY.total_seconds(),
            MAX_RETRY_DELAY.total_seconds(),
            *fence(self._lease),
        ]
        row = await self._database.fetch_one(RECORD, parameters)
        return None if row is None else RecordedFailure(**row)

    async def clear(self, order_ids: Collection[UUID]) -> None:
        """See AttemptRepository."""
        await self._database.fetch(CLEAR, [list(order_ids), *fence(self._lease)])

    async def summary(self, network: str) -> FailingOrders:
        """See AttemptRepository."""
        (row,) = await self._database.fetch(SUMMARY, [network])
        return FailingOrders(**row)
