"""The audit trail of operator actions in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from domain.actions.operator.audit import OperatorAction, RecordedAction
from persistence.postgres.pool import Database

BEGIN = """
INSERT INTO operator_actions (id, at, operator, verified, action, subject, reason, parameters,
  before)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9::text::jsonb)
"""

END = """
INSERT INTO operator_action_outcomes (action_id, at, error, after)
VALUES ($1, $2, $3, $4::text::jsonb)
"""

# Ids are UUIDv7, so ordering by id orders by time.
NEWEST = """
SELECT a.id::text AS id, a.at, a.operator, a.verified, a.action, a.subject, a.reason,
  CASE WHEN o.action_id IS NULL THEN 'unknown' WHEN o.error IS NULL THEN 'ok' ELSE 'failed' END
    AS outcome,
  o.error, a.parameters::text AS parameters, a.before::text AS before, o.after::text AS after
FROM operator_actions a LEFT JOIN operator_action_outcomes o ON o.action_id = a.id
WHERE ($1::text IS NULL OR a.subject = $1) AND ($2::text IS NULL OR a.operator = $2)
ORDER BY a.id DESC LIMIT $3
"""


class PostgresAuditTrail:
    """AuditTrail over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, action: OperatorAction) -> None:
        """See AuditTrail."""
        request, operator = action.request, action.operator
        await self._database.fetch(
            BEGIN,
            [
                *(action.id, action.at, operator.name, operator.verified, request.action),
                *(request.subject, request.reason, _json(request.parameters)),
                _json(action.before),
            ],
        )

    async def end(self, action_id: UUID, at: datetime, *, error: str | None, after: object) -> None:
        """See AuditTrail."""
        await self._database.fetch(END, [action_id, at, error, _json(after)])

    async def newest(
        self, *, subject: str | None, operator: str | None, limit: int
    ) -> Sequence[RecordedAction]:
        """See AuditTrail."""
        rows = await self._database.fetch(NEWEST, [subject, operator, limit])
        documents = ("parameters", "before", "after")
        return [
            RecordedAction(**row | {name: _document(row[name]) for name in documents})
            for row in rows
        ]


def _json(value: object) -> str | None:
    """Return a value as JSON; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


def _document(text: str | None) -> object:
    return None if text is None else msgspec.json.decode(text)
