"""Payout details in PostgreSQL: the gateway's role changes them through two functions only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.ledger.payout_details import PayoutDetails
from domain.webhooks.events import Event
from persistence.postgres.pool import Database

MAX_SHOWN: Final = 50

# Canceled requests come last, so the current and the pending details are always included.
HISTORY = """
SELECT id, asset, address, tag, requested_by, requested_at, effective_at, canceled_by,
  canceled_at
FROM payout_details WHERE partner_id = $1
ORDER BY canceled_at IS NULL DESC, effective_at DESC LIMIT $2
"""

REQUEST = """
SELECT request_payout_details($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text,
  $7::timestamptz, $8::uuid, $9::text, $10::bytea) AS done
"""

CANCEL = """
SELECT cancel_payout_details($1::uuid, $2::uuid, $3::text, $4::timestamptz, $5::uuid, $6::text,
  $7::bytea) AS done
"""


class PostgresPayoutDetailsRepository:
    """PayoutDetailsRepository over PostgreSQL. The operator's role can only read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(self, partner_id: UUID) -> Sequence[PayoutDetails]:
        """See PayoutDetailsRepository."""
        rows = await self._database.fetch(HISTORY, [partner_id, MAX_SHOWN])
        return [_details(row) for row in rows]

    async def request(self, partner_id: UUID, details: PayoutDetails, event: Event) -> bool:
        """See PayoutDetailsRepository."""
        parameters = [
            details.id,
            partner_id,
            details.asset,
            details.address,
            details.tag,
            details.requested_by,
            details.requested_at,
            *(event.id, event.dedup_key, event.body),
        ]
        row = await self._database.fetch_one(REQUEST, parameters)
        return row is not None and bool(row["done"])

    async def cancel(
        self, partner_id: UUID, details_id: UUID, email: str, *, at: datetime, event: Event
    ) -> bool:
        """See PayoutDetailsRepository."""
        parameters = [details_id, partner_id, email, at, event.id, event.dedup_key, event.body]
        row = await self._database.fetch_one(CANCEL, parameters)
        return row is not None and bool(row["done"])


def _details(row: dict[str, Any]) -> PayoutDetails:
    return PayoutDetails(**{**row, "id": UUID(row["id"])})
