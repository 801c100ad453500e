"""The steps of orders that partners of a sandbox have requested (0116-sandbox-steps.sql)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.sandbox.ports import RequestedStep, StepResult
from domain.actions.sandbox.steps import Step
from persistence.postgres.pool import Database

REQUEST: Final = "SELECT request_sandbox_step($1, $2, $3, $4, $5) AS added"
RESULT: Final = "SELECT result FROM sandbox_steps WHERE id = $1 AND done_at IS NOT NULL"
TAKE: Final = """
UPDATE sandbox_steps SET taken_at = $1 WHERE id = (
  SELECT id FROM sandbox_steps
  WHERE taken_at IS NULL AND (SELECT sandbox FROM operator_settings)
  ORDER BY requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id::text AS id, order_id::text AS order_id, step
"""
FINISH: Final = "UPDATE sandbox_steps SET done_at = $2, result = $3 WHERE id = $1"
ADVANCE: Final = "SELECT true AS advanced FROM advance_sandbox_order($1, $2, $3)"

_encode = msgspec.json.Encoder().encode
_decode_step: msgspec.json.Decoder[Step] = msgspec.json.Decoder(Step)
_decode_result = msgspec.json.Decoder(StepResult)


class PostgresStepRequests:
    """StepRequests in PostgreSQL, under the gateway's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, request_id: UUID, partner_id: UUID, order_id: UUID, step: Step, *, at: datetime
    ) -> bool:
        """See StepRequests."""
        parameters = [request_id, partner_id, order_id, _encode(step).decode(), at]
        row = await self._database.fetch_one(REQUEST, parameters)
        return row is not None and bool(row["added"])

    async def result(self, request_id: UUID) -> StepResult | None:
        """See StepRequests."""
        row = await self._database.fetch_one(RESULT, [request_id])
        return None if row is None else _decode_result.decode(row["result"])


class PostgresStepQueue:
    """StepQueue in PostgreSQL, under settlement's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, *, at: datetime) -> RequestedStep | None:
        """See StepQueue."""
        row = await self._database.fetch_one(TAKE, [at])
        if row is None:
            return None
        step = _decode_step.decode(row["step"])
        return RequestedStep(UUID(row["id"]), UUID(row["order_id"]), step)

    async def finish(self, request_id: UUID, result: StepResult, *, at: datetime) -> None:
        """See StepQueue."""
        await self._database.fetch(FINISH, [request_id, at, _encode(result).decode()])


async def advance_order(database: Database, order_id: UUID, seconds: int, *, at: datetime) -> None:
    """Make an order's expiry sooner; the database rejects it outside a sandbox."""
    await database.fetch(ADVANCE, [order_id, seconds, at])
