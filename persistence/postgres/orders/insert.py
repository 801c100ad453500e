"""Inserts orders, concurrent ones in one statement; each is inserted completely or not at all."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from psqlpy.exceptions import Error

from domain.actions.orders.ports import IdempotencyKey
from domain.errors import (
    DomainError,
    OperatorCapExceeded,
    QuoteUsed,
    ReserveExceeded,
    UnpaidCapExceeded,
)
from domain.money import USD_DECIMALS, format_units
from domain.orders.order import Order
from domain.tracing import TRACEPARENT
from persistence.postgres.commits import Commits
from persistence.postgres.pool import Database, DatabaseUnavailable

# Without a confirmed history of the database (0123) no address is free: another order may have it.
# An order without a free address is not inserted, nor is one whose key is in use or whose quote has
# opened an order; its address stays free. Keys are locked in order, then quotes, so that statements
# cannot deadlock. A quote that a concurrent statement uses violates the unique index `orders_quote`
# once that one is committed. The index of free addresses is on `id + 0`. The planner cannot know
# how few orders there are: `IS TRUE` keeps it from a nested loop over all pairs, the arrays keep it
# from reading all addresses, and the comparison with a single value from reading all orders.
INSERT = """
WITH input AS MATERIALIZED (
  SELECT input.*,
    (SELECT o.id FROM orders o WHERE o.quote_id = input.quote_id) IS NOT NULL AS quote_used
  FROM json_to_recordset($1::text::json) AS input (
    id uuid, network text, partner_id uuid, key text, body_hash text, code_id uuid, rate_type text,
    source text, destination text, source_amount numeric, destination_amount numeric, rate text,
    network_fee numeric, fee_bps integer, markup_bps integer, destination_address text,
    destination_tag text, refund_address text, token_hash text, created_at timestamptz,
    expires_at timestamptz, worth_usd numeric, client text,
    client_networks text[], external_id text, metadata text, refund_tag text, quote_id uuid,
    traceparent text)
), free AS (
  SELECT f.*,
    w.network || row_number() OVER (PARTITION BY w.network ORDER BY f.address_id) AS slot
  FROM (SELECT network, count(*) AS orders FROM input WHERE NOT quote_used GROUP BY network) AS w
  CROSS JOIN LATERAL (
    SELECT id AS address_id, address, tag FROM pay_in_addresses
    WHERE network = w.network AND order_id IS NULL AND (SELECT database_is_confirmed())
    ORDER BY id + 0 LIMIT w.orders FOR UPDATE SKIP LOCKED) AS f
), assigned AS MATERIALIZED (
  SELECT numbered.*, free.address_id, free.address, free.tag
  FROM (
    SELECT *, network || row_number() OVER (PARTITION BY network ORDER BY id) AS slot FROM input
    WHERE NOT quote_used
  ) AS numbered
  JOIN free USING (slot)
), keyed AS (
  INSERT INTO idempotency_keys (partner_id, key, body_hash, order_id)
  SELECT partner_id, key, decode(body_hash, 'hex'), id FROM assigned WHERE key IS NOT NULL
  ORDER BY partner_id, key
  ON CONFLICT (partner_id, key) DO NOTHING
  RETURNING order_id
), reserved AS (
  UPDATE pay_in_addresses p SET order_id = batch.ids[array_position(batch.addresses, p.id)]
  FROM (
    SELECT array_agg(address_id) AS addresses, array_agg(id) AS ids FROM assigned
    WHERE key IS NULL OR id IN (SELECT order_id FROM keyed)
  ) AS batch
  WHERE p.id = ANY (batch.addresses)
  RETURNING p.order_id
), inserted AS (
  INSERT INTO orders (
    id, partner_id, code_id, rate_type, source, destination, source_amount, destination_amount,
    rate, network_fee, fee_bps, markup_bps, destination_address, destination_tag, refund_address,
    pay_in_address, pay_in_tag, token_hash, created_at, expires_at, updated_at, worth_usd,
    client, client_networks, unsigned, external_id, metadata, refund_tag, quote_id,
    traceparent)
  SELECT id, partner_id, code_id, rate_type, source, destination, source_amount,
    destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address,
    destination_tag, refund_address, address, tag, decode(token_hash, 'hex'), created_at,
    expires_at, created_at, worth_usd, decode(client, 'hex'), client_networks,
    client IS NOT NULL, external_id, metadata, refund_tag, quote_id, traceparent
  FROM assigned WHERE (id IN (SELECT order_id FROM reserved)) IS TRUE ORDER BY quote_id, id
  RETURNING id, pay_in_address, pay_in_tag
)
SELECT input.id::text AS id, assigned.id IS NOT NULL AS had_address, input.quote_used,
  inserted.pay_in_address, inserted.pay_in_tag
FROM input LEFT JOIN assigned USING (id) LEFT JOIN inserted USING (id)
"""

Inserter = Database | Commits

_DOMAIN_ERRORS: dict[str, type[DomainError]] = {
    "reserve exceeded": ReserveExceeded,
    "daily cap exceeded": OperatorCapExceeded,
    "unpaid cap exceeded": UnpaidCapExceeded,
    "fixed exposure exceeded": OperatorCapExceeded,
    "orders_quote": QuoteUsed,
}
"""Messages of the triggers on `orders` that enforce the reserve and the caps, and of the index."""


class OrderInsert(msgspec.Struct, frozen=True):
    """A row to insert."""

    id: str
    network: str
    partner_id: str
    key: str | None
    body_hash: str | None
    code_id: str | None
    rate_type: str
    source: str
    destination: str
    source_amount: str
    destination_amount: str
    rate: str
    network_fee: str
    fee_bps: int
    markup_bps: int
    destination_address: str
    destination_tag: str | None
    refund_address: str
    token_hash: str
    created_at: str
    expires_at: str
    worth_usd: str
    client: str | None
    client_networks: Sequence[str] | None
    external_id: str | None
    metadata: str | None
    refund_tag: str | None
    quote_id: str | None
    traceparent: str | None


class InsertResult(msgspec.Struct, frozen=True):
    """The result for one order.

    Without `address` its quote has opened an order, its key is in use, or no address was free.
    """

    had_address: bool
    address: str | None
    tag: str | None
    quote_used: bool = False


_SKIPPED: Final = InsertResult(had_address=False, address=None, tag=None)

_encode = msgspec.json.Encoder().encode


def order_insert(
    order: Order,
    token_hash: bytes,
    key: IdempotencyKey | None,
    *,
    client: bytes | None = None,
    client_networks: Sequence[bytes] = (),
    quote_id: UUID | None = None,
) -> OrderInsert:
    """Return the row of an order, for `insert_orders`.

    `client` and the larger networks that it is in are given for unsigned orders, `quote_id` for one
    that is opened with a quote.
    """
    destination, attached = order.destination.precision, order.references
    return OrderInsert(
        id=str(order.id),
        network=order.source.network,
        partner_id=str(order.partner_id),
        key=key.key if key else None,
        body_hash=key.body_hash.hex() if key else None,
        code_id=str(order.code_id) if order.code_id else None,
        rate_type=order.rate_type.value,
        source=order.source.code,
        destination=order.destination.code,
        source_amount=format_units(order.source_amount, order.source.precision),
        destination_amount=format_units(order.destination_amount, destination),
        rate=str(order.rate),
        network_fee=format_units(order.network_fee, destination),
        fee_bps=order.fee_bps,
        markup_bps=order.markup_bps,
        destination_address=order.destination_address,
        destination_tag=order.destination_tag,
        refund_address=order.refund_address,
        token_hash=token_hash.hex(),
        created_at=order.created_at.isoformat(),
        expires_at=order.expires_at.isoformat(),
        worth_usd=format_units(order.worth_usd, USD_DECIMALS),
        client=client.hex() if client else None,
        client_networks=[one.hex() for one in client_networks] or None,
        external_id=attached.external_id,
        metadata=None if attached.metadata is None else _encode(attached.metadata).decode(),
        refund_tag=order.refund_tag,
        quote_id=str(quote_id) if quote_id else None,
        traceparent=TRACEPARENT.get(),
    )


async def insert_orders(
    database: Inserter, inserts: Sequence[OrderInsert]
) -> Sequence[InsertResult | Exception]:
    """Insert orders in one statement; if it fails, or for orders it skipped, one by one.

    An order above the reserve or a cap fails the statement; one whose key is in use may claim the
    last free address. Of those with the same quote, the first one is in the statement. Raises
    DatabaseUnavailable: the outcome is then unknown.
    """
    results: list[InsertResult | Exception] = [_SKIPPED] * len(inserts)
    together = _first_of_each_quote(inserts)
    try:
        inserted = await _insert(database, list(together.values()))
        for index, of_batch in zip(together, inserted, strict=True):
            results[index] = of_batch
    except DatabaseUnavailable:
        raise
    except Error as error:
        if len(inserts) == 1:
            return [_domain_error(error)]
        return [await _insert_one(database, one) for one in inserts]
    if len(inserts) > 1:
        for index, result in enumerate(results):
            if isinstance(result, InsertResult) and not result.had_address:
                results[index] = await _insert_one(database, inserts[index])
    return results


def _first_of_each_quote(inserts: Sequence[OrderInsert]) -> dict[int, OrderInsert]:
    """Return the orders without a quote, and the first one with each quote, by their positions."""
    first: dict[str, int] = {}
    for index, one in enumerate(inserts):
        first.setdefault(one.quote_id or one.id, index)
    return {index: inserts[index] for index in first.values()}


async def _insert_one(database: Inserter, insert: OrderInsert) -> InsertResult | Exception:
    try:
        return (await _insert(database, (insert,)))[0]
    except Error as error:
        return _domain_error(error)
    except DatabaseUnavailable as error:
        return error


async def _insert(database: Inserter, inserts: Sequence[OrderInsert]) -> Sequence[InsertResult]:
    rows = await database.fetch(INSERT, [_encode(inserts).decode()])
    results = {
        row["id"]: InsertResult(
            row["had_address"], row["pay_in_address"], row["pay_in_tag"], row["quote_used"]
        )
        for row in rows
    }
    return [results[one.id] for one in inserts]


def _domain_error(error: Error) -> Exception:
    for message, error_type in _DOMAIN_ERRORS.items():
        if message in str(error):
            return error_type(message)
    return error
