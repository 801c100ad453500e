"""Reconciliation of everything that is stored twice; each check is one statement, so one snapshot.

A check returns a row for each difference: subject, expected and found, as text. Reconciliation
does not disturb the running service.
"""

import zlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from domain.assets import Catalogue
from domain.ledger.reconciliation import (
    Difference,
    PostedOrder,
    StoredEvent,
    event_differences,
    order_differences,
)
from domain.money import USD_DECIMALS, format_units, units_of
from domain.orders.states import STATUS_OF, State
from domain.webhooks.events import Event, EventType
from persistence.postgres.orders.rows import COLUMNS, order_of
from persistence.postgres.pool import Database
from persistence.postgres.reconciliation import (
    event_checks,
    ledger_checks,
    order_checks,
    outflow_checks,
)
from persistence.postgres.webhooks.bodies import original_body

BATCH = 1_000
FIRST = UUID(int=0)
CHECKS = {
    **ledger_checks.CHECKS,
    **order_checks.CHECKS,
    **outflow_checks.CHECKS,
    **event_checks.CHECKS,
}
KNOWN_TYPES = frozenset(kind.value for kind in EventType)

# Orders that must have postings, and those that have any.
ORDERS = f"""
WITH chosen AS (
  SELECT id FROM orders WHERE id > $1 AND (accrued OR state = 'completed'
    OR EXISTS (SELECT FROM ledger_postings l WHERE l.transaction_id = orders.id))
  ORDER BY id LIMIT $2
)
SELECT {COLUMNS}, accrued, accrual_price_usd::text AS price, accrual_share_bps AS share_bps,
  (SELECT coalesce(json_agg(json_build_array(l.account, l.amount::text, concat_ws(' ', l.currency,
     'partner ' || l.partner_id, 'code ' || l.code_id,
     CASE WHEN l.order_id IS DISTINCT FROM orders.id THEN 'order ' || coalesce(l.order_id::text,
       'none') END))), '[]')::text
   FROM ledger_postings l WHERE l.transaction_id = orders.id) AS postings
FROM orders WHERE id IN (SELECT id FROM chosen) ORDER BY id
"""  # noqa: S608  the columns are a constant of ours

EVENTS = """
SELECT e.id, e.partner_id, e.order_id, e.type, e.dedup_key, e.body, e.created_at,
  CASE WHEN e.position = o.version THEN o.state END AS state
FROM webhook_events e LEFT JOIN orders o ON o.id = e.order_id
WHERE e.id > $1 ORDER BY e.id LIMIT $2
"""


async def differences(database: Database, catalogue: Catalogue) -> AsyncIterator[Difference]:
    """Yield every difference. Raises Unavailable."""
    for label, sql in CHECKS.items():
        for row in await database.fetch(sql):
            yield Difference(label, row["subject"], row["expected"], row["found"])
    async for row in _paged(database, ORDERS):
        for difference in order_differences(_posted_order(row, catalogue)):
            yield difference
    async for row in _paged(database, EVENTS):
        for difference in _event_differences(row):
            yield difference


async def _paged(database: Database, sql: str) -> AsyncIterator[dict[str, Any]]:
    last = FIRST
    while True:
        rows = await database.fetch(sql, [last, BATCH])
        for row in rows:
            yield row
        if len(rows) < BATCH:
            return
        last = UUID(rows[-1]["id"])


def _posted_order(row: dict[str, Any], catalogue: Catalogue) -> PostedOrder:
    postings = msgspec.json.decode(row["postings"], type=list[tuple[str, str, str]])
    return PostedOrder(
        order=order_of(row["shown"], catalogue.assets),
        accrued=row["accrued"],
        price=None if row["price"] is None else units_of(Decimal(row["price"]), USD_DECIMALS),
        base_fee_share_bps=row["share_bps"],
        postings=[f"{account} {_text(amount)} {rest}" for account, amount, rest in postings],
    )


def _event_differences(row: dict[str, Any]) -> list[Difference]:
    if row["type"] not in KNOWN_TYPES:
        return [Difference("type of an event", row["id"], "a known type", row["type"])]
    try:
        body = original_body(row["body"])
    except zlib.error as error:
        return [Difference("body of an event", row["id"], "a compressed document", str(error))]
    event = Event(
        id=UUID(row["id"]),
        partner_id=UUID(row["partner_id"]),
        order_id=UUID(row["order_id"]) if row["order_id"] else None,
        type=EventType(row["type"]),
        dedup_key=row["dedup_key"],
        body=body,
        created_at=row["created_at"],
    )
    status = STATUS_OF[State(row["state"])].value if row["state"] else None
    return list(event_differences(StoredEvent(event, status)))


def _text(amount: str) -> str:
    """Return a signed amount in the format of the domain."""
    units = units_of(abs(Decimal(amount)), USD_DECIMALS)
    return format_units(-units if amount.startswith("-") else units, USD_DECIMALS)
