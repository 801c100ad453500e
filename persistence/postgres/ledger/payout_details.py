"""Where partners want their earnings sent: asked for under the gateway's role, by two functions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.ledger.payout_details import PayoutDetails
from domain.webhooks.events import Event
from persistence.postgres.pool import Database

MAX_SHOWN: Final = 50

# However often somebody asks and withdraws, what counts is among them.
HISTORY = """
SELECT id, asset, address, tag, asked_by, asked_at, effective_at, cancelled_by, cancelled_at
FROM payout_details WHERE partner_id = $1
ORDER BY cancelled_at IS NULL DESC, effective_at DESC LIMIT $2
"""

ASK = """
SELECT ask_payout_details($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text,
  $7::timestamptz, $8::uuid, $9::text, $10::bytea) AS done
"""

WITHDRAW = """
SELECT withdraw_payout_details($1::uuid, $2::uuid, $3::text, $4::timestamptz, $5::uuid, $6::text,
  $7::bytea) AS done
"""


class PostgresPayoutDetailsRepository:
    """PayoutDetailsRepository over PostgreSQL; the operator's role may only read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(self, partner_id: UUID) -> Sequence[PayoutDetails]:
        """See PayoutDetailsRepository."""
        rows = await self._database.fetch(HISTORY, [partner_id, MAX_SHOWN])
        return [_details(row) for row in rows]

    async def ask(self, partner_id: UUID, details: PayoutDetails, event: Event) -> bool:
        """See PayoutDetailsRepository."""
        parameters = [
            details.id,
            partner_id,
            details.asset,
            details.address,
            details.tag,
            details.asked_by,
            details.asked_at,
            *(event.id, event.dedup_key, event.body),
        ]
        row = await self._database.fetch_one(ASK, parameters)
        return row is not None and bool(row["done"])

    async def withdraw(
        self, partner_id: UUID, details_id: UUID, who: str, *, at: datetime, event: Event
    ) -> bool:
        """See PayoutDetailsRepository."""
        parameters = [details_id, partner_id, who, at, event.id, event.dedup_key, event.body]
        row = await self._database.fetch_one(WITHDRAW, parameters)
        return row is not None and bool(row["done"])


def _details(row: dict[str, Any]) -> PayoutDetails:
    return PayoutDetails(**{**row, "id": UUID(row["id"])})
