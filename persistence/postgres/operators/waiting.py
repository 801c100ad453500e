"""Proposals and requests that have waited for too long: for a decision, or to be sent."""

from collections.abc import Sequence
from datetime import datetime

from domain.actions.operator.doctor.approvals import WaitingProposal
from persistence.postgres.pool import Database

UNAPPROVED = """
SELECT id::text AS id, kind, subject, proposed_at AS since FROM proposals
WHERE needs_second AND approved_at IS NULL AND withdrawn_at IS NULL AND proposed_at < $1
ORDER BY proposed_at, id
"""

# A voided one waits for the operator's decision: another check names it.
UNSENT = """
SELECT p.id::text AS id, p.kind, p.subject, p.approved_at AS since FROM proposals p
WHERE p.kind = 'refund_deposit' AND p.approved_at < $1 AND p.closed_at IS NULL
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = p.id)
  AND NOT EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = p.id)
ORDER BY p.approved_at, p.id
"""

UNDECIDED = """
SELECT id::text AS id, 'credit' AS kind, tx_id AS subject, requested_at AS since
FROM deposit_credits WHERE decided_at IS NULL AND requested_at < $1 ORDER BY requested_at, id
"""


async def unapproved_proposals(database: Database, before: datetime) -> Sequence[WaitingProposal]:
    """Return proposals that have waited for a second person since before a moment."""
    return [WaitingProposal(**row) for row in await database.fetch(UNAPPROVED, [before])]


async def unsent_refunds(database: Database, before: datetime) -> Sequence[WaitingProposal]:
    """Return refunds of deposits that were approved before a moment and have no outflow."""
    return [WaitingProposal(**row) for row in await database.fetch(UNSENT, [before])]


async def undecided_credits(database: Database, before: datetime) -> Sequence[WaitingProposal]:
    """Return requested credits of deposits that are not decided since before a moment."""
    return [WaitingProposal(**row) for row in await database.fetch(UNDECIDED, [before])]
