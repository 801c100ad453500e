"""Opens orders, those of one moment by one statement: each is there as a whole or not at all."""

from collections.abc import Sequence

import msgspec
from psqlpy.exceptions import Error

from domain.actions.orders.ports import IdempotencyKey
from domain.errors import AboveMaximum, DomainError, ReserveExceeded
from domain.money import USD_DECIMALS, format_units
from domain.orders.order import Order
from persistence.postgres.pool import Database, DatabaseUnavailable

# No free address: nothing happens. A key that is taken: nothing happens either, and the address
# stays free. Keys are taken in order, lest two statements wait for each other. `id + 0` is what the
# index of free addresses has. The planner can't know how few orders there are: `IS TRUE` keeps it
# from comparing each with each, and the arrays from reading all addresses.
OPEN = """
WITH given AS MATERIALIZED (
  SELECT * FROM json_to_recordset($1::text::json) AS given (
    id uuid, network text, partner_id uuid, key text, body_hash text, code_id uuid, rate_type text,
    source text, destination text, source_amount numeric, destination_amount numeric, rate text,
    network_fee numeric, fee_bps integer, markup_bps integer, destination_address text,
    destination_tag text, refund_address text, token_hash text, created_at timestamptz,
    expires_at timestamptz, worth_usd numeric)
), free AS (
  SELECT f.*,
    w.network || row_number() OVER (PARTITION BY w.network ORDER BY f.address_id) AS place
  FROM (SELECT network, count(*) AS orders FROM given GROUP BY network) AS w
  CROSS JOIN LATERAL (
    SELECT id AS address_id, address, tag FROM pay_in_addresses
    WHERE network = w.network AND order_id IS NULL
    ORDER BY id + 0 LIMIT w.orders FOR UPDATE SKIP LOCKED) AS f
), placed AS MATERIALIZED (
  SELECT numbered.*, free.address_id, free.address, free.tag
  FROM (
    SELECT *, network || row_number() OVER (PARTITION BY network ORDER BY id) AS place FROM given
  ) AS numbered
  JOIN free USING (place)
), keyed AS (
  INSERT INTO idempotency_keys (partner_id, key, body_hash, order_id)
  SELECT partner_id, key, decode(body_hash, 'hex'), id FROM placed WHERE key IS NOT NULL
  ORDER BY partner_id, key
  ON CONFLICT (partner_id, key) DO NOTHING
  RETURNING order_id
), taken AS (
  UPDATE pay_in_addresses p SET order_id = given.ids[array_position(given.addresses, p.id)]
  FROM (
    SELECT array_agg(address_id) AS addresses, array_agg(id) AS ids FROM placed
    WHERE key IS NULL OR id IN (SELECT order_id FROM keyed)
  ) AS given
  WHERE p.id = ANY (given.addresses)
  RETURNING p.order_id
), opened AS (
  INSERT INTO orders (
    id, partner_id, code_id, rate_type, source, destination, source_amount, destination_amount,
    rate, network_fee, fee_bps, markup_bps, destination_address, destination_tag, refund_address,
    pay_in_address, pay_in_tag, token_hash, created_at, expires_at, updated_at, worth_usd)
  SELECT id, partner_id, code_id, rate_type, source, destination, source_amount,
    destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address,
    destination_tag, refund_address, address, tag, decode(token_hash, 'hex'), created_at,
    expires_at, created_at, worth_usd
  FROM placed WHERE (id IN (SELECT order_id FROM taken)) IS TRUE ORDER BY id
  RETURNING id, pay_in_address, pay_in_tag
)
SELECT given.id::text AS id, placed.id IS NOT NULL AS had_address,
  opened.pay_in_address, opened.pay_in_tag
FROM given LEFT JOIN placed USING (id) LEFT JOIN opened USING (id)
"""

_BEYOND: dict[str, type[DomainError]] = {
    "reserve exceeded": ReserveExceeded,
    "daily cap exceeded": AboveMaximum,
}
"""What the triggers on `orders` say of orders that can't be afforded."""


class OrderInsert(msgspec.Struct, frozen=True):
    """An order to open, as a row."""

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


class InsertResult(msgspec.Struct, frozen=True):
    """What became of it: nothing without `address`; its key is taken, or no address was free."""

    had_address: bool
    address: str | None
    tag: str | None


_NOWHERE = InsertResult(had_address=False, address=None, tag=None)
_encode = msgspec.json.Encoder().encode


def order_insert(order: Order, token_hash: bytes, key: IdempotencyKey | None) -> OrderInsert:
    """Return an order as `open_orders` takes it."""
    destination = order.destination.precision
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
    )


async def insert_orders(
    database: Database, openings: Sequence[OrderInsert]
) -> Sequence[InsertResult | Exception]:
    """Open orders by one statement; where that fails, or for whom it did nothing, one by one.

    An order that can't be afforded fails the statement, and one whose key is taken may keep the
    last address from another. Raises DatabaseUnavailable: then it isn't known what was opened.
    """
    try:
        places: list[InsertResult | Exception] = list(await _opened(database, openings))
    except DatabaseUnavailable:
        raise
    except Error as error:
        if len(openings) == 1:
            return [_meaning(error)]
        return [await _opened_alone(database, one) for one in openings]
    if len(openings) > 1:
        for index, place in enumerate(places):
            if place == _NOWHERE:
                places[index] = await _opened_alone(database, openings[index])
    return places


async def _opened_alone(database: Database, opening: OrderInsert) -> InsertResult | Exception:
    try:
        return (await _opened(database, (opening,)))[0]
    except Error as error:
        return _meaning(error)
    except DatabaseUnavailable as error:
        return error


async def _opened(database: Database, openings: Sequence[OrderInsert]) -> Sequence[InsertResult]:
    rows = await database.fetch(OPEN, [_encode(openings).decode()])
    places = {
        row["id"]: InsertResult(row["had_address"], row["pay_in_address"], row["pay_in_tag"])
        for row in rows
    }
    return [places[opening.id] for opening in openings]


def _meaning(error: Error) -> Exception:
    for said, fact in _BEYOND.items():
        if said in str(error):
            return fact(said)
    return error
