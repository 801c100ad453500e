"""Proposals of operators in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from domain.actions.operator.proposals import Proposal, ProposalKind
from persistence.postgres.pool import Database

BOUND = "SELECT one_person_usd::text AS usd FROM operator_settings"

SET_BOUND = "UPDATE operator_settings SET one_person_usd = $1::text::numeric"

ADD = """
INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason, proposed_by,
  proposed_at, approved_by, approved_at)
VALUES ($1, $2, $3, $4::text::jsonb, $5::text::numeric, $6, $7, $8, $9, $10, $11)
ON CONFLICT (subject) WHERE withdrawn_at IS NULL AND closed_at IS NULL DO NOTHING
RETURNING id
"""

COLUMNS = """
  id::text AS id, kind, subject, document::text AS document, usd::text AS usd, needs_second, reason,
  proposed_by, proposed_at, approved_by, approved_at, withdrawn_by, withdrawn_at
"""

FIND = f"SELECT {COLUMNS} FROM proposals WHERE id = $1"  # noqa: S608  our own columns

NEWEST = f"SELECT {COLUMNS} FROM proposals ORDER BY id DESC LIMIT $1"  # noqa: S608  our own columns

APPROVE = """
UPDATE proposals SET approved_by = $2, approved_at = $3
WHERE id = $1 AND approved_at IS NULL AND withdrawn_at IS NULL
RETURNING id
"""

WITHDRAW = """
UPDATE proposals SET withdrawn_by = $2, withdrawn_at = $3
WHERE id = $1 AND approved_at IS NULL AND withdrawn_at IS NULL
RETURNING id
"""


class PostgresProposalRepository:
    """ProposalRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bound(self) -> Decimal:
        """See ProposalRepository."""
        (row,) = await self._database.fetch(BOUND)
        return Decimal(row["usd"])

    async def set_bound(self, usd: Decimal) -> None:
        """See ProposalRepository."""
        await self._database.fetch(SET_BOUND, [str(usd)])

    async def add(self, proposal: Proposal) -> bool:
        """See ProposalRepository."""
        parameters = [
            *(proposal.id, proposal.kind.value, proposal.subject),
            msgspec.json.encode(proposal.document).decode(),
            None if proposal.usd is None else str(proposal.usd),
            *(proposal.needs_second, proposal.reason, proposal.proposed_by, proposal.proposed_at),
            *(proposal.approved_by, proposal.approved_at),
        ]
        return await self._database.fetch_one(ADD, parameters) is not None

    async def find(self, proposal_id: UUID) -> Proposal | None:
        """See ProposalRepository."""
        row = await self._database.fetch_one(FIND, [proposal_id])
        return None if row is None else _proposal(row)

    async def newest(self, *, limit: int) -> Sequence[Proposal]:
        """See ProposalRepository."""
        return [_proposal(row) for row in await self._database.fetch(NEWEST, [limit])]

    async def approve(self, proposal_id: UUID, by: str, at: datetime) -> bool:
        """See ProposalRepository."""
        return await self._database.fetch_one(APPROVE, [proposal_id, by, at]) is not None

    async def withdraw(self, proposal_id: UUID, by: str, at: datetime) -> bool:
        """See ProposalRepository."""
        return await self._database.fetch_one(WITHDRAW, [proposal_id, by, at]) is not None


def _proposal(row: dict[str, Any]) -> Proposal:
    return Proposal(
        id=UUID(row["id"]),
        kind=ProposalKind(row["kind"]),
        document=msgspec.json.decode(row["document"]),
        usd=None if row["usd"] is None else Decimal(row["usd"]),
        **{
            name: row[name]
            for name in (
                *("subject", "needs_second", "reason", "proposed_by", "proposed_at"),
                *("approved_by", "approved_at", "withdrawn_by", "withdrawn_at"),
            )
        },
    )
