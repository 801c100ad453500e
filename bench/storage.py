"""Bytes that an order takes in each table, in the log of the database and in a dump.

Orders are opened, paid and completed by the code of the service, each with its events, their
deliveries and its postings: `python -m bench.storage --orders 8000`.
"""

import argparse
import asyncio
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from domain.partners.partner import Partner
from domain.webhooks.delivery import Attempt, FinishedAttempt
from gateway.runtime.clock import new_id
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.postgres.migrate import apply_migrations
from persistence.postgres.webhooks.claims import PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from tests.conftest import DatabaseUrls, memory_directory
from tests.support.builders.ledger import BTC_AT_62450, Books, opened_books
from tests.support.builders.records import KEYRING, stored_partner
from tests.support.servers.dumps import BINARIES

BATCH = 50
LEASE = timedelta(minutes=1)
MIN_SHOWN = 20
"""Bytes per order below which a table is not shown."""

SIZES = """
SELECT relname::text, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
PREPARE = "UPDATE operator_settings SET sandbox = true; UPDATE reserves SET amount = 1e15"
KEY = "INSERT INTO idempotency_keys VALUES (%s, %s, sha256(%s), %s)"


def sizes(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Return the bytes of each table and of its indexes."""
    return {name: (table, indexes) for name, table, indexes in connection.execute(SIZES)}


async def deliver_all(books: Books) -> None:
    """Record a successful delivery of every event that is due."""
    outbox, deliveries = (
        PostgresOutbox(books.gateway),
        PostgresDeliveries(books.gateway, KEYRING),
    )
    while True:
        now, lease = datetime.now(UTC), new_id()
        ids = await outbox.claim_due(
            now=now, leased_until=now + LEASE, capacity=10_000, per_endpoint=1_000, limit=1_000
        )
        if not ids:
            return
        leased = await deliveries.lease(ids, lease=lease, now=now, leased_until=now + LEASE)
        attempt = Attempt(now, timedelta(milliseconds=30), 200, None, response_body='{"ok":true}')
        finished = [
            FinishedAttempt(event_id=one.event.id, lease=lease, attempt=attempt, retry_at=None)
            for one in leased
        ]
        await deliveries.record(finished, now=now)


async def complete_orders(
    books: Books, partner: Partner, number: int, owner: psycopg.Connection
) -> None:
    """Complete orders, and deliver their events from time to time."""
    for done in range(number):
        if done % BATCH == 0:
            books.knows(BTC_AT_62450)
            await deliver_all(books)
        order = await books.swapped(partner)
        owner.execute(KEY, [partner.id, UUID(int=done).hex, b"body", order.id])
    await deliver_all(books)


async def measure(postgres: EmbeddedPostgres, orders: int) -> None:
    """Print the growth of each table, of the log, and the size and duration of a dump."""
    urls = DatabaseUrls(
        owner=postgres.url(),
        admin=postgres.url(user="swapgate_admin"),
        gateway=postgres.url(user="swapgate_gateway"),
        settlement=postgres.url(user="swapgate_settlement"),
        superuser=postgres.url(user=SUPERUSER),
    )
    with psycopg.connect(urls.superuser, autocommit=True) as owner:
        owner.execute(PREPARE)
        async with opened_books(urls) as books:
            partner = await stored_partner(
                books.admin, webhook_url="https://wallet.example/hook", markup_bps=50
            )
            owner.execute("CHECKPOINT")
            before = sizes(owner)
            start: Any = owner.execute("SELECT pg_current_wal_lsn()").fetchone()
            await complete_orders(books, partner, orders, owner)
            log: Any = owner.execute(
                "SELECT (pg_current_wal_lsn() - %s)::bigint", [start[0]]
            ).fetchone()
        owner.execute("VACUUM ANALYZE")
        after = sizes(owner)
    print("bytes per order                    table  indexes")
    total = [0, 0]
    for name, grown in sorted(after.items(), key=lambda one: -sum(one[1])):
        added = [now - then for now, then in zip(grown, before[name], strict=True)]
        total = [sum(pair) for pair in zip(total, added, strict=True)]
        if sum(added) > MIN_SHOWN * orders:
            print(f"{name:32} {added[0] / orders:7.0f}  {added[1] / orders:7.0f}")
    print(f"{'all tables':32} {total[0] / orders:7.0f}  {total[1] / orders:7.0f}")
    print(f"{'log (WAL)':32} {log[0] / orders:7.0f}")


def dump(postgres: EmbeddedPostgres, file: Path, orders: int) -> None:
    """Print the size and the rate of a dump."""
    started = time.monotonic()
    url = postgres.url(user=SUPERUSER)
    subprocess.run(
        [BINARIES / "pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}"], check=True
    )
    seconds = time.monotonic() - started
    print(f"{'dump, compressed':32} {file.stat().st_size / orders:7.0f}")
    print(f"orders per second of the dump    {orders / seconds:7.0f}")


def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=8_000)
    orders = parser.parse_args().orders
    with tempfile.TemporaryDirectory(dir=memory_directory()) as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as another user where this one is root
        postgres = EmbeddedPostgres(Path(directory) / "postgres")
        postgres.start()
        try:
            apply_migrations(postgres.url())
            asyncio.run(measure(postgres, orders))
            dump(postgres, Path(directory) / "orders.dump", orders)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
