"""Outflows: payouts and refunds on chains, one row per order, permanent once it is signed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.assets import Catalogue
from domain.chains.leases import CurrentLease
from domain.chains.outflows import Candidate, Outflow, OutflowKind
from domain.money import USD_DECIMALS, format_units, units_from
from persistence.postgres.chains.deposit_refunds import PostgresDepositRefunds
from persistence.postgres.chains.intentions import free_nonce, write_intention
from persistence.postgres.chains.leases import fence, leader
from persistence.postgres.pool import Database

COLUMNS = """
  order_id, kind, asset, address, tag, amount::text AS amount, nonce, intention,
  void_requested_at IS NOT NULL AS is_void_requested, settled_tx_id,
  (SELECT coalesce(json_agg(json_build_object('raw', c.raw, 'tx_id', c.tx_id,
     'signed_at', c.signed_at, 'voids', c.voids) ORDER BY c.number), '[]')::text
   FROM (
     SELECT 0 AS number, outflows.raw, outflows.tx_id, outflows.signed_at, false AS voids
     WHERE outflows.raw IS NOT NULL
     UNION ALL
     SELECT r.number, r.raw, r.tx_id, r.signed_at, r.voids FROM outflow_replacements r
     WHERE r.order_id = outflows.order_id
   ) AS c) AS candidates
"""

# Orders due for a payout, and held orders whose partner or operator chose a refund. An index finds
# the few of either. Assets and partners take turns, so that none waits for the orders of another.
DUE = """
WITH candidates AS (
  SELECT o.id, 'payout' AS kind, o.updated_at, a.code, o.partner_id
  FROM orders o JOIN assets a ON a.code = o.destination
  WHERE o.state = 'paying_out' AND a.network = $1
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)
    AND NOT EXISTS (SELECT FROM voided_outflows v
      WHERE v.order_id = o.id AND v.kind = 'payout' AND v.resend_requested_at IS NULL)
  UNION ALL
  SELECT o.id, 'refund', o.updated_at, a.code, o.partner_id
  FROM orders o JOIN assets a ON a.code = o.source
  WHERE o.state = 'held' AND a.network = $1 AND (o.choice = 'REFUND' OR (o.choice = 'NONE'
      AND EXISTS (SELECT FROM emergency_choices c WHERE c.order_id = o.id AND c.choice = 'REFUND')))
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)
    AND NOT EXISTS (
      SELECT FROM deposits d WHERE d.order_id = o.id AND d.confirmed_at IS NULL
        AND NOT d.late AND NOT d.dropped)
  UNION ALL
  SELECT o.id, v.due, o.updated_at, a.code, o.partner_id
  FROM (
    SELECT DISTINCT order_id, due_after_void(order_id) AS due FROM voided_outflows
    WHERE kind <> 'deposit_refund'
  ) AS v JOIN orders o ON o.id = v.order_id
  JOIN assets a ON a.code = CASE v.due WHEN 'payout' THEN o.destination ELSE o.source END
  WHERE v.due IS NOT NULL AND a.network = $1 AND o.state IN ('completed', 'refunded')
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = v.order_id)
)
SELECT c.id, c.kind FROM candidates c LEFT JOIN outflow_attempts t ON t.order_id = c.id
WHERE t.order_id IS NULL OR t.next_attempt_at <= $3
ORDER BY row_number() OVER (PARTITION BY c.code, c.partner_id
    ORDER BY t.order_id IS NOT NULL, coalesce(t.next_attempt_at, c.updated_at), c.id),
  t.order_id IS NOT NULL, c.updated_at, c.id
LIMIT $2
"""

# The intention locks the order: one to refund moves it to `refunding`, and a trigger rejects every
# change but the record of the transaction. Raising the version makes a concurrent transition of the
# order read it again. Address and amount must be the order's own; a second outflow violates the
# primary key.
CREATE = f"""
WITH {leader(network=10, token=11)}, due AS (
  UPDATE orders SET version = version + 1,
    state = CASE state WHEN 'held' THEN 'refunding' ELSE state END,
    choice = CASE state WHEN 'held' THEN 'REFUND' ELSE choice END,
    updated_at = CASE state WHEN 'held' THEN clock_timestamp() ELSE updated_at END
  WHERE id = $1 AND version = $2
    AND CASE WHEN state IN ('completed', 'refunded')
      THEN due_after_void($1) IS NOT DISTINCT FROM $3
      ELSE ($3, state) IN (('payout', 'paying_out'), ('refund', 'held'))
        AND NOT EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = $1 AND $3 = 'payout'
          AND v.kind = 'payout' AND v.resend_requested_at IS NULL)
      END
    AND ($3 = 'refund' OR (destination, destination_address, destination_amount)
      = ($4, $5, $7::text::numeric))
    AND ($3 = 'payout' OR ((source, refund_address) = ($4, $5)
      AND refund_tag IS NOT DISTINCT FROM $6))
    AND EXISTS (SELECT FROM leader l JOIN assets a ON a.network = l.network WHERE a.code = $4)
    AND NOT EXISTS (SELECT FROM outflow_attempts t
      WHERE t.order_id = $1 AND t.next_attempt_at IS NULL)
  RETURNING id
)
INSERT INTO outflows (order_id, kind, network, asset, address, tag, amount, usd, fee, nonce)
SELECT due.id, $3, a.network, a.code, $5, $6, $7::text::numeric, $8::text::numeric,
  $12::text::numeric, {free_nonce(9)}
FROM due, assets a WHERE a.code = $4
RETURNING order_id
"""  # noqa: S608  numbers of parameters

# A trigger takes the order back from `refunding` to `held`.
CANCEL = f"""
WITH {leader(network=3, token=4)}
DELETE FROM outflows WHERE order_id = $1 AND intention = $2 AND raw IS NULL
  AND network = (SELECT network FROM leader)
RETURNING order_id
"""  # noqa: S608  numbers of parameters

PERMITTED = "SELECT EXISTS (SELECT FROM outflow_permits WHERE order_id = $1) AS permitted"

COST_BOUND = """
SELECT coalesce((SELECT usd FROM outflow_cost_bounds WHERE order_id = $1), 0)::text AS usd
"""

UNBROADCAST = f"""
SELECT {COLUMNS} FROM outflows
WHERE network = $1 AND settled_at IS NULL AND broadcast_at IS NULL
ORDER BY nonce, intended_at
"""  # noqa: S608  the columns are this module's own constant

UNSETTLED = f"""
SELECT {COLUMNS} FROM outflows
WHERE network = $1 AND settled_at IS NULL AND broadcast_at IS NOT NULL ORDER BY nonce, intended_at
"""  # noqa: S608  as above

SETTLED = f"""
SELECT {COLUMNS} FROM outflows
WHERE network = $1 AND settled_at IS NOT NULL AND final_at IS NULL ORDER BY nonce, intended_at
"""  # noqa: S608  as above

STORE_SIGNED = f"""
WITH {leader(network=5, token=6)}
UPDATE outflows SET raw = $2, tx_id = $3, signed_at = clock_timestamp()
WHERE order_id = $1 AND intention = $4 AND raw IS NULL AND (SELECT database_is_confirmed())
  AND (SELECT enabled FROM outflow_settings) AND network = (SELECT network FROM leader)
  AND NOT EXISTS (SELECT FROM outflow_attempts t
    WHERE t.order_id = $1 AND t.next_attempt_at IS NULL)
RETURNING order_id
"""  # noqa: S608  as above

ADD_REPLACEMENT = f"""
WITH {leader(network=5, token=6)}
INSERT INTO outflow_replacements (order_id, number, network, tx_id, raw)
SELECT order_id, $2, network, $3, $4 FROM outflows
WHERE order_id = $1 AND broadcast_at IS NOT NULL AND settled_at IS NULL
  AND void_requested_at IS NULL AND (SELECT enabled FROM outflow_settings)
  AND network = (SELECT network FROM leader)
ON CONFLICT DO NOTHING
RETURNING order_id
"""  # noqa: S608  as above

ADD_VOID = f"""
WITH {leader(network=6, token=7)}
INSERT INTO outflow_replacements (order_id, number, network, tx_id, raw, voids)
SELECT order_id, $2, network, $3, $4, true FROM outflows
WHERE order_id = $1 AND intention = $5 AND settled_at IS NULL AND void_requested_at IS NOT NULL
  AND network = (SELECT network FROM leader)
ON CONFLICT DO NOTHING
RETURNING order_id
"""  # noqa: S608  as above

# What was signed is kept, and may not be deleted otherwise.
MARK_VOIDED = f"""
WITH {leader(network=5, token=6)}, kept AS (
  INSERT INTO voided_outflows (intention, order_id, kind, network, asset, address, amount, nonce,
    tx_ids, mined_tx_id, fee, fee_paid, intended_at, void_requested_at, usd)
  SELECT intention, order_id, kind, network, asset, address, amount, nonce,
    ARRAY(SELECT outflows.tx_id UNION ALL (SELECT r.tx_id FROM outflow_replacements r
      WHERE r.order_id = outflows.order_id ORDER BY r.number)),
    $3, fee, fee_paid, intended_at, void_requested_at, $4::text::numeric
  FROM outflows WHERE order_id = $1 AND intention = $2 AND raw IS NOT NULL AND settled_at IS NULL
    AND network = (SELECT network FROM leader)
  RETURNING order_id
), replacements AS (
  DELETE FROM outflow_replacements r USING kept WHERE r.order_id = kept.order_id
)
DELETE FROM outflows w USING kept WHERE w.order_id = kept.order_id RETURNING w.order_id
"""  # noqa: S608  as above

IS_ENABLED = "SELECT enabled FROM outflow_settings"

MARK_BROADCAST = f"""
WITH {leader(network=3, token=4)}
UPDATE outflows SET broadcast_at = $2
WHERE intention = $1 AND broadcast_at IS NULL AND network = (SELECT network FROM leader)
"""  # noqa: S608  as above

BOOK_FEE = f"""
WITH {leader(network=3, token=4)}
UPDATE outflows SET fee_paid = $2::text::numeric
WHERE intention = $1 AND network = (SELECT network FROM leader)
"""  # noqa: S608  as above

MARK_SETTLED = f"""
WITH {leader(network=4, token=5)}
UPDATE outflows SET settled_at = $2, settled_tx_id = $3
WHERE intention = $1 AND network = (SELECT network FROM leader)
"""  # noqa: S608  as above

MARK_FINAL = f"""
WITH {leader(network=3, token=4)}
UPDATE outflows SET final_at = $2
WHERE intention = $1 AND settled_at IS NOT NULL AND network = (SELECT network FROM leader)
"""  # noqa: S608  as above

REOPEN = f"""
WITH {leader(network=2, token=3)}
UPDATE outflows SET settled_at = NULL, settled_tx_id = NULL
WHERE intention = $1 AND final_at IS NULL AND network = (SELECT network FROM leader)
"""  # noqa: S608  as above

_candidates = msgspec.json.Decoder(tuple[Candidate, ...]).decode


class PostgresOutflowRepository(PostgresDepositRefunds):
    """OutflowRepository over PostgreSQL, under settlement's role."""

    def __init__(
        self, database: Database, catalogue: Callable[[], Catalogue], *, lease: CurrentLease
    ) -> None:
        """Write only while `lease` returns a valid lease of the outflow's network."""
        self._database = database
        self._catalogue = catalogue
        self._lease = lease

    async def due(
        self, network: str, *, at: datetime, limit: int
    ) -> Sequence[tuple[UUID, OutflowKind]]:
        """See OutflowRepository."""
        rows = await self._database.fetch(DUE, [network, limit, at])
        return [(UUID(row["id"]), OutflowKind(row["kind"])) for row in rows]

    async def create(self, outflow: Outflow, *, usd: int, fee: str, expected_version: int) -> bool:
        """See OutflowRepository."""
        parameters = [
            outflow.order_id,
            expected_version,
            outflow.kind.value,
            outflow.asset.code,
            outflow.address,
            outflow.tag,
            format_units(outflow.amount, outflow.asset.precision),
            format_units(usd, USD_DECIMALS),
            outflow.nonce,
            *fence(self._lease),
            fee,
        ]
        return await write_intention(self._database, CREATE, parameters)

    async def unbroadcast(self, network: str) -> Sequence[Outflow]:
        """See OutflowRepository."""
        return [self._outflow(row) for row in await self._database.fetch(UNBROADCAST, [network])]

    async def unsettled(self, network: str) -> Sequence[Outflow]:
        """See OutflowRepository."""
        return [self._outflow(row) for row in await self._database.fetch(UNSETTLED, [network])]

    async def settled(self, network: str) -> Sequence[Outflow]:
        """See OutflowRepository."""
        return [self._outflow(row) for row in await self._database.fetch(SETTLED, [network])]

    async def cancel(self, outflow: Outflow) -> bool:
        """See OutflowRepository."""
        parameters = [outflow.order_id, outflow.intention, *fence(self._lease)]
        return await self._database.fetch_one(CANCEL, parameters) is not None

    async def is_permitted(self, order_id: UUID) -> bool:
        """See OutflowRepository."""
        (row,) = await self._database.fetch(PERMITTED, [order_id])
        return bool(row["permitted"])

    async def cost_bound(self, order_id: UUID) -> int:
        """See OutflowRepository."""
        (row,) = await self._database.fetch(COST_BOUND, [order_id])
        return units_from(row["usd"], USD_DECIMALS)

    async def store_signed(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """See OutflowRepository."""
        parameters = [outflow.order_id, raw, tx_id, outflow.intention, *fence(self._lease)]
        return await self._database.fetch_one(STORE_SIGNED, parameters) is not None

    async def add_replacement(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """See OutflowRepository."""
        number = len(outflow.candidates)
        parameters = [outflow.order_id, number, tx_id, raw, *fence(self._lease)]
        return await self._database.fetch_one(ADD_REPLACEMENT, parameters) is not None

    async def add_void(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """See OutflowRepository."""
        number = len(outflow.candidates)
        parameters = [outflow.order_id, number, tx_id, raw, outflow.intention, *fence(self._lease)]
        return await self._database.fetch_one(ADD_VOID, parameters) is not None

    async def mark_voided(self, outflow: Outflow, *, tx_id: str, usd: int | None) -> bool:
        """See OutflowRepository."""
        counted = None if usd is None else format_units(usd, USD_DECIMALS)
        parameters = [outflow.order_id, outflow.intention, tx_id, counted, *fence(self._lease)]
        return await self._database.fetch_one(MARK_VOIDED, parameters) is not None

    async def is_enabled(self) -> bool:
        """See OutflowRepository."""
        (row,) = await self._database.fetch(IS_ENABLED)
        return bool(row["enabled"])

    async def mark_broadcast(self, outflow: Outflow, *, at: datetime) -> None:
        """See OutflowRepository."""
        await self._database.fetch(MARK_BROADCAST, [outflow.intention, at, *fence(self._lease)])

    async def book_fee(self, outflow: Outflow, fee: str) -> None:
        """See OutflowRepository."""
        await self._database.fetch(BOOK_FEE, [outflow.intention, fee, *fence(self._lease)])

    async def mark_settled(self, outflow: Outflow, *, tx_id: str, at: datetime) -> None:
        """See OutflowRepository."""
        await self._database.fetch(
            MARK_SETTLED, [outflow.intention, at, tx_id, *fence(self._lease)]
        )

    async def mark_final(self, outflow: Outflow, *, at: datetime) -> None:
        """See OutflowRepository."""
        await self._database.fetch(MARK_FINAL, [outflow.intention, at, *fence(self._lease)])

    async def reopen(self, outflow: Outflow) -> None:
        """See OutflowRepository."""
        await self._database.fetch(REOPEN, [outflow.intention, *fence(self._lease)])

    def _outflow(self, row: dict[str, Any]) -> Outflow:
        asset = self._catalogue().assets[row["asset"]]
        return Outflow(
            order_id=UUID(row["order_id"]),
            kind=OutflowKind(row["kind"]),
            asset=asset,
            address=row["address"],
            tag=row["tag"],
            amount=units_from(row["amount"], asset.precision),
            intention=row["intention"],
            nonce=row["nonce"],
            candidates=_candidates(row["candidates"]),
            is_void_requested=row["is_void_requested"],
            settled_tx_id=row["settled_tx_id"],
        )
