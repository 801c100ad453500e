"""Thousands of orders, inserted directly into their table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from domain.assets import Asset
from domain.market.conversion import Rate
from domain.orders.order import LIFETIME, Order
from domain.orders.states import RateType, State

STARTED_AT = datetime.now(UTC)

COPY = """
COPY orders (id, partner_id, rate_type, source, destination, source_amount, destination_amount,
  rate, network_fee, fee_bps, markup_bps, destination_address, refund_address, pay_in_address,
  token_hash, created_at, expires_at, updated_at) FROM STDIN
"""


def bench_order(order_id: UUID, partner_id: UUID, *, source: Asset, destination: Asset) -> Order:
    """Return a new order with the amounts of 0.01 BTC to USDT on Tron, as its row has it."""
    return Order(
        id=order_id,
        partner_id=partner_id,
        code_id=None,
        rate_type=RateType.FLOAT,
        state=State.AWAITING_DEPOSIT,
        source=source,
        destination=destination,
        source_amount=1_000_000,
        destination_amount=619_987_500,
        rate=Rate.parse("62118.75000000"),
        network_fee=1_200_000,
        fee_bps=50,
        markup_bps=50,
        destination_address="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        destination_tag=None,
        refund_address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        pay_in_address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        pay_in_tag=None,
        created_at=STARTED_AT,
        expires_at=STARTED_AT + LIFETIME,
        updated_at=STARTED_AT,
    )


def store_orders(url: str, orders: Sequence[tuple[UUID, UUID]]) -> None:
    """Insert orders by id and partner, without the triggers that update reserves and counters."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor().copy(COPY) as copy:
            for order_id, partner_id in orders:
                row = (order_id, partner_id, "float", "btc", "usdt_trc20", "0.01", "619.9875")
                terms = ("62118.75000000", "1.2", 50, 50, "recipient", "refund", "pay-in")
                copy.write_row(
                    (*row, *terms, b"t" * 32, STARTED_AT, STARTED_AT + LIFETIME, STARTED_AT)
                )
        connection.execute("ANALYZE orders")
