"""Partners, orders and addresses stored directly in the database."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import psycopg

from bench.webhooks.orders import bench_order
from domain.assets import Catalogue
from domain.orders.order import LIFETIME, Order
from domain.partners.credentials import Credentials
from domain.partners.partner import Partner
from persistence.keyring import KeyRing
from persistence.postgres.partners.partners import create_partner
from persistence.postgres.pool import Database

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEYRING = KeyRing({"k1": b"0" * 32}, current="k1")
WEBHOOK_SECRET = "k" * 43


async def stored_partner(admin: Database, **changes: object) -> Partner:
    """Store a partner through the operator's connection."""
    partner = msgspec.structs.replace(
        Partner(
            id=uuid4(),
            email=f"{uuid4()}@example.org",
            name="Partner",
            enabled=True,
            api_key=uuid4().hex,
        ),
        **changes,
    )
    credentials = Credentials(partner.api_key, api_secret="a" * 43, webhook_secret=WEBHOOK_SECRET)
    await create_partner(admin, KEYRING, partner, credentials, now=START)
    return partner


def add_addresses(owner_url: str, count: int, *, network: str = "Bitcoin") -> None:
    """Add generated pay-in addresses to the pool, as the tables' owner."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pay_in_addresses (network, address, derivation_index)"
            " SELECT %s, 'address ' || gen_random_uuid(), n FROM generate_series(1, %s) AS n",
            (network, count),
        )


def become_sandbox(superuser_url: str) -> None:
    """Make a database one of a sandbox, which only its preparation may do."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE operator_settings SET sandbox = true")


def new_order(partner: Partner, catalogue: Catalogue, **changes: object) -> Order:
    """Return a fresh order of 0.01 BTC to USDT on Tron, not stored yet."""
    assets = catalogue.assets
    order = bench_order(uuid4(), partner.id, source=assets["btc"], destination=assets["usdt_trc20"])
    unstored: dict[str, object] = {
        "destination_address": "recipient",
        "refund_address": "refund",
        "pay_in_address": "",
        "created_at": START,
        "expires_at": START + LIFETIME,
        "updated_at": START,
    }
    return msgspec.structs.replace(order, **(unstored | changes))
