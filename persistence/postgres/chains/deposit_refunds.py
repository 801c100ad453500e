"""Approved refunds of unexpected deposits, under settlement's role."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.assets import Catalogue
from domain.chains.deposit_refunds import DepositRefund
from domain.chains.leases import CurrentLease
from domain.chains.outflows import Outflow
from domain.money import USD_DECIMALS, format_units, units_from
from persistence.postgres.chains.intentions import free_nonce, write_intention
from persistence.postgres.chains.leases import fence, leader
from persistence.postgres.pool import Database

COLUMNS = """
  p.id::text AS id, p.document ->> 'orderId' AS order_id, p.document ->> 'txId' AS tx_id,
  p.document ->> 'payInAddress' AS pay_in_address, p.document ->> 'asset' AS asset,
  p.document ->> 'amount' AS amount, p.document ->> 'address' AS address,
  p.document ->> 'tag' AS tag, coalesce((p.document ->> 'isExcess')::boolean, false) AS is_excess
"""

DUE = f"""
SELECT {COLUMNS} FROM proposals p LEFT JOIN outflow_attempts t ON t.order_id = p.id
WHERE p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL AND p.closed_at IS NULL
  AND p.document ->> 'network' = $1
  AND (t.order_id IS NULL OR t.next_attempt_at <= $2)
  AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = p.id)
  AND NOT EXISTS (SELECT FROM voided_outflows v
    WHERE v.order_id = p.id AND v.resend_requested_at IS NULL)
  AND NOT EXISTS (SELECT FROM unclaimed_deposits u
    WHERE u.network = $1 AND u.tx_id = p.document ->> 'txId'
      AND u.address = p.document ->> 'payInAddress' AND u.asset = p.document ->> 'asset'
      AND u.confirmed_at IS NULL)
  AND NOT EXISTS (SELECT FROM deposits d JOIN orders o ON o.id = d.order_id
    WHERE d.order_id = (p.document ->> 'orderId')::uuid AND d.tx_id = p.document ->> 'txId'
      AND o.source = p.document ->> 'asset' AND d.confirmed_at IS NULL)
ORDER BY coalesce(t.next_attempt_at, p.approved_at), p.id LIMIT $3
"""  # noqa: S608  the columns are this module's own constant

FIND = f"""
SELECT {COLUMNS} FROM proposals p
WHERE p.id = $1 AND p.kind = 'refund_deposit' AND p.approved_at IS NOT NULL
  AND p.closed_at IS NULL
"""  # noqa: S608  as above

# A trigger compares it with the approved proposal; a second outflow violates the primary key.
CREATE = f"""
WITH {leader(network=9, token=10)}
INSERT INTO outflows (order_id, kind, network, asset, address, tag, amount, usd, fee, nonce)
SELECT $1, 'deposit_refund', a.network, a.code, $3, $4, $5::text::numeric, $6::text::numeric,
  $8::text::numeric, {free_nonce(7)}
FROM assets a JOIN leader l ON l.network = a.network
WHERE a.code = $2 AND NOT EXISTS (SELECT FROM outflow_attempts t
  WHERE t.order_id = $1 AND t.next_attempt_at IS NULL)
  AND NOT EXISTS (SELECT FROM proposals p WHERE p.id = $1 AND p.closed_at IS NOT NULL)
RETURNING order_id
"""  # noqa: S608  as above


class PostgresDepositRefunds:
    """DepositRefundRepository over PostgreSQL; it writes only under a valid lease."""

    _database: Database
    _catalogue: Callable[[], Catalogue]
    _lease: CurrentLease

    async def due_refunds(
        self, network: str, *, at: datetime, limit: int
    ) -> Sequence[DepositRefund]:
        """See DepositRefundRepository."""
        rows = await self._database.fetch(DUE, [network, at, limit])
        return [self._refund(row) for row in rows]

    async def find_refund(self, refund_id: UUID) -> DepositRefund | None:
        """See DepositRefundRepository."""
        row = await self._database.fetch_one(FIND, [refund_id])
        return None if row is None else self._refund(row)

    async def create_refund(self, outflow: Outflow, *, usd: int, fee: str) -> bool:
        """See DepositRefundRepository."""
        amount = format_units(outflow.amount, outflow.asset.precision)
        parameters = [
            *(outflow.order_id, outflow.asset.code, outflow.address, outflow.tag, amount),
            *(format_units(usd, USD_DECIMALS), outflow.nonce, fee, *fence(self._lease)),
        ]
        return await write_intention(self._database, CREATE, parameters)

    def _refund(self, row: dict[str, Any]) -> DepositRefund:
        asset = self._catalogue().assets[row["asset"]]
        return DepositRefund(
            id=UUID(row["id"]),
            order_id=None if row["order_id"] is None else UUID(row["order_id"]),
            tx_id=row["tx_id"],
            pay_in_address=row["pay_in_address"],
            asset=asset,
            received=units_from(row["amount"], asset.precision),
            address=row["address"],
            tag=row["tag"],
            is_excess=row["is_excess"],
        )
