"""Tables that grow are partitioned by month, and nothing that reads or writes them notices."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.actions.operator.doctor.partitions import PartitionHealth, partition_checks
from domain.clock import Clock
from domain.ids import first_id_at
from gateway.runtime.clock import SystemClock, new_id
from gateway.wiring.database import migrate
from persistence.postgres.migrate import DIRECTORY, apply_migrations
from persistence.postgres.partitions.months import (
    TABLES,
    create_partition,
    months_end,
    tables_outside_months,
)
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.delivery_log import FAILED, NEWEST, RARE_TYPES
from tests.conftest import DatabaseUrls, Servers
from tests.support.databases import database

LAST_BEFORE = "0133"
PARTNER = UUID(int=2)

STORE = """
INSERT INTO partners (id, email, name, webhook_secret_sealed, webhook_events, markup_bps,
  base_fee_share_bps, budget, max_codes, created_at)
VALUES (%(partner)s, 'one@wallet.example', 'One', 'x', '{}', 0, 0, 2500, 5, now());
INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, due_at, created_at)
SELECT %(event)s, %(partner)s, 1, 'webhook.test', 'key', 'body', now(), now();
INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status)
VALUES (%(event)s, 1, '2026-11-01Z', 7, 200);
INSERT INTO audit_log (id, partner_id, member_id, email, at, address, what, about)
VALUES (%(event)s, %(partner)s, %(partner)s, 'one@wallet.example', now(), '', 'Signed in', '');
INSERT INTO operator_actions (id, at, operator, verified, action, subject, reason, parameters)
VALUES (%(event)s, now(), 'anna', true, 'asset disable', 'btc', '', '{}');
INSERT INTO operator_action_outcomes (action_id, at) VALUES (%(event)s, now());
"""

EVENT = """
INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, due_at, created_at)
SELECT %s, id, 1, 'webhook.test', 'key', 'body', now(), now() FROM partners
WHERE email = 'one@wallet.example'
"""

RIGHTS = """
SELECT c.relname, coalesce(a.attname, '*'), g.grantee::regrole::text, g.privilege_type
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
CROSS JOIN LATERAL aclexplode(coalesce(a.attacl, c.relacl)) g
WHERE c.oid = ANY (%s::regclass[]) AND g.grantee <> c.relowner
UNION SELECT c.relname, '*', g.grantee::regrole::text, g.privilege_type
FROM pg_class c, aclexplode(c.relacl) g
WHERE c.oid = ANY (%s::regclass[]) AND g.grantee <> c.relowner
"""
RULES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('p', 'c', 'f')
UNION SELECT tablename, indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
WHERE tablename = ANY (%s)
UNION SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = ANY (%s::regclass[]) AND NOT tgisinternal
"""
PARTITIONS = """
SELECT i.inhrelid::regclass::text FROM pg_inherits i
WHERE i.inhparent = %s::regclass ORDER BY i.inhrelid
"""
EXPLAIN = """
EXPLAIN EXECUTE page('00000000-0000-0000-0000-000000000002',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000000',
  NULL, NULL, NULL, NULL, 5000)
"""


@pytest.fixture
def before(servers: Servers, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database before the migrations, with a row in each table."""
    name, folder = f"partitions_{uuid4().hex}", tmp_path / "before"
    folder.mkdir()
    for path in DIRECTORY.glob("*.sql"):
        if path.name[:4] <= LAST_BEFORE:
            shutil.copy(path, folder)
    servers.postgres.create_database(name)
    url = servers.postgres.url(database=name)
    apply_migrations(url, directory=folder)
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = on")
        values = {"partner": PARTNER, "event": new_id()}
        for statement in STORE.split(";")[:-1]:
            connection.execute(statement.encode(), values)
    yield url
    servers.postgres.drop_database(name)


def content(connection: psycopg.Connection) -> list[list[tuple[object, ...]]]:
    return [connection.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in TABLES]


def rules(connection: psycopg.Connection) -> set[tuple[str, ...]]:
    """Return the keys, checks, references, indexes and triggers of the tables."""
    names = list(TABLES)
    return set(connection.execute(RULES, [names, names, names]).fetchall())


def rights(connection: psycopg.Connection) -> set[tuple[str, ...]]:
    return set(connection.execute(RIGHTS, [list(TABLES)] * 2).fetchall())


def documented_statements() -> str:
    """Return the statements that move rows into their months, as the guide shows them."""
    text = (Path(__file__).parents[4] / "docs/operations.md").read_text()
    return text.partition("## Partitions")[2].partition("```sql")[2].partition("```")[0]


async def doctors_advice(stored: Database, clock: Clock) -> str | None:
    health = PartitionHealth(
        months_end=lambda: months_end(stored), outside_months=lambda: tables_outside_months(stored)
    )
    ((_, probe),) = partition_checks(health, clock)
    return await probe()


def test_the_migration_keeps_rows_rights_and_rules(before: str) -> None:
    with psycopg.connect(before, autocommit=True) as connection:
        stored, had_rights, had_rules = (
            content(connection),
            rights(connection),
            rules(connection),
        )
        assert all(len(rows) == 1 for rows in stored)
        assert len(had_rights) > 20
        apply_migrations(before)
        assert content(connection) == stored
        assert rights(connection) == had_rights
        # What does not contain the partition key holds in each partition.
        assert {name for _, name, _ in had_rules - rules(connection)} == {
            "webhook_events_order_id_position_key",
            "webhook_attempts_event_id_fkey",
            "operator_action_outcomes_action_id_fkey",
        }
        assert rules(connection) <= had_rules


async def test_where_an_id_is_of_no_time_the_first_partition_never_ends(before: str) -> None:
    with psycopg.connect(before, autocommit=True) as connection:
        connection.execute(EVENT, [UUID(int=2**128 - 9)])
    migrate(before)
    async with database(before) as owner:
        assert set((await months_end(owner)).values()) == {datetime.max.replace(tzinfo=UTC)}
        assert await doctors_advice(owner, SystemClock()) is None


def test_statements_prepared_before_the_migration_work_after_it(before: str) -> None:
    with psycopg.connect(before, autocommit=True) as connection:
        events = "SELECT id, type FROM webhook_events WHERE partner_id = %s ORDER BY id"
        first = connection.execute(events, [PARTNER], prepare=True).fetchall()
        connection.execute(EVENT, [new_id()], prepare=True)
        apply_migrations(before)
        connection.execute(EVENT, [new_id()], prepare=True)
        rows = connection.execute(events, [PARTNER], prepare=True).fetchall()
    assert rows[: len(first)] == first
    assert len(rows) == len(first) + 2


def test_migrate_creates_the_partitions_of_three_months(before: str) -> None:
    migrate(before)
    coming = SystemClock().now() + timedelta(days=89)
    with psycopg.connect(before, autocommit=True) as connection:
        for name in TABLES:
            found = {row[0] for row in connection.execute(PARTITIONS, [name])}
            assert {f"{name}_first", f"{name}_default", f"{name}_{coming:%Y_%m}"} <= found
        created = f"webhook_events_{coming:%Y_%m}"
        unique = "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexdef ~ 'UNIQUE'"
        assert any("(order_id, " in row[0] for row in connection.execute(unique, [created]))
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(f"DELETE FROM operator_actions_{coming:%Y_%m}".encode())
    assert migrate(before) == []


async def test_settlement_creates_a_missing_partition_and_no_process_another_way(
    database_urls: DatabaseUrls,
) -> None:
    async with database(database_urls.settlement) as settlement:
        ends = await months_end(settlement)
        assert list(ends) == sorted(TABLES)
        created = 0
        while await create_partition(settlement):
            created += 1
        assert created > 0
        ahead = SystemClock().now() + timedelta(days=90)
        assert all(end > ahead for end in (await months_end(settlement)).values())
    for url in (database_urls.gateway, database_urls.admin):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT create_next_partition()")
    name = max(ends)
    with (
        psycopg.connect(database_urls.settlement) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"ALTER TABLE {name} DETACH PARTITION {name}_first".encode())


@pytest.mark.parametrize("role", ["gateway", "settlement", "admin"])
def test_no_process_reads_or_writes_a_partition_beside_its_table(
    database_urls: DatabaseUrls, role: str
) -> None:
    migrate(database_urls.owner)
    with psycopg.connect(database_urls.owner) as connection:
        names = [row[0] for name in TABLES for row in connection.execute(PARTITIONS, [name])]
    with psycopg.connect(getattr(database_urls, role), autocommit=True) as connection:
        for name in names:
            if role == "admin" and name.endswith("_default"):
                continue  # doctor looks whether it has rows
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT FROM {name}".encode())


async def test_while_another_session_holds_a_lock_no_partition_is_created(
    database_urls: DatabaseUrls,
) -> None:
    async with database(database_urls.settlement) as settlement:
        with psycopg.connect(database_urls.owner) as other:
            other.execute("LOCK TABLE audit_log_default IN ACCESS SHARE MODE")
            assert await create_partition(settlement) == 0
        assert await create_partition(settlement) == 1


async def test_a_row_of_a_month_without_a_partition_is_stored_and_the_doctor_shows_it(
    before: str,
) -> None:
    apply_migrations(before)
    migrate_end = datetime.now(UTC) + timedelta(days=80)
    with psycopg.connect(before, autocommit=True) as connection:
        connection.execute(EVENT, [first_id_at(migrate_end)])
        found = connection.execute("SELECT count(*) FROM webhook_events_default").fetchone()
        assert found == (1,)
    migrate(before)  # the months of the other tables, and the other months of this one
    async with database(before) as owner:
        ends = await months_end(owner)
        advice = await doctors_advice(owner, SystemClock())
    assert min(ends.values()) > migrate_end
    assert advice is not None
    assert advice.startswith("webhook_events has rows outside of its months")
    with psycopg.connect(before, autocommit=True) as connection:
        connection.execute(documented_statements().encode())
    migrate(before)
    async with database(before) as owner:
        assert await doctors_advice(owner, SystemClock()) is None
        (row,) = await owner.fetch("SELECT count(*) AS events FROM webhook_events")
    assert row["events"] == 2


async def test_months_that_end_soon_are_reported(database_urls: DatabaseUrls) -> None:
    class Later:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=200)

    async with database(database_urls.admin) as admin:
        assert await doctors_advice(admin, SystemClock()) is None
        advice = await doctors_advice(admin, Later())
    assert advice is not None
    assert advice.startswith("The partitions of audit_log end on ")
    assert "start `swapgate settlement`" in advice


@pytest.mark.parametrize(
    "scan", [NEWEST, FAILED, RARE_TYPES], ids=["newest", "failed", "rare types"]
)
def test_a_page_of_the_delivery_log_reads_partitions_in_the_order_of_their_indexes(
    database_urls: DatabaseUrls, scan: Any
) -> None:
    """A plan that sorts all events of a partner takes a hundred times as long as a page may."""
    migrate(database_urls.owner)
    types = "uuid, uuid, uuid, text[], text, timestamptz, timestamptz, integer"
    with psycopg.connect(database_urls.superuser) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, status,"
            " due_at, created_at, finished_at) SELECT first_id_at(now() - n * interval '1 second'),"
            " first_id_at(to_timestamp(n % 4)), 1, 'webhook.test', 'key', '', 'dead', now(), now(),"
            " now() FROM generate_series(1, 5000) AS n"
        )
        connection.execute("ANALYZE webhook_events")
        connection.execute(f"PREPARE page ({types}) AS {scan.page}".encode())
        plan = "\n".join(row[0] for row in connection.execute(EXPLAIN))
    assert "Sort Key: webhook_events.id DESC" in plan
    assert "Merge Append" in plan
