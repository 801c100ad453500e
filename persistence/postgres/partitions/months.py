"""The partitions of coming months: creates them, and shows until when they exist."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import psycopg

from domain.ids import made_at
from persistence.postgres.pool import Database

TABLES: Final = (
    "audit_log",
    "operator_actions",
    "operator_action_outcomes",
    "webhook_events",
    "webhook_attempts",
)
"""The partitioned tables, referenced ones first, as in `create_next_partition` (0138)."""

CREATE: Final = "SELECT create_next_partition() AS created"

ENDS: Final = """
SELECT i.inhparent::regclass::text AS parent,
  max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([0-9a-f-]+)''\\)')
    COLLATE "C") AS ends
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = ANY ($1::text[]::regclass[])
GROUP BY 1 ORDER BY ends, parent
"""

OUTSIDE: Final = "\nUNION ALL ".join(
    f"SELECT '{name}' AS parent WHERE EXISTS (SELECT FROM {name}_default)"  # noqa: S608  ours
    for name in TABLES
)


async def create_partition(database: Database) -> int:
    """Create one that is missing, under settlement's role; return how many were created.

    None are while another session holds a lock: the next call tries again.
    """
    (row,) = await database.fetch(CREATE)
    return int(row["created"] is not None)


def create_partitions(owner_database_url: str) -> None:
    """Create all that are missing; raises psycopg's errors."""
    with psycopg.connect(owner_database_url, autocommit=True) as connection:
        while connection.execute(CREATE).fetchone() != (None,):
            pass


async def months_end(database: Database) -> Mapping[str, datetime]:
    """Return when the last partition of each table ends, the earliest first."""
    rows = await database.fetch(ENDS, [list(TABLES)])
    return {row["parent"]: time_of(UUID(row["ends"])) for row in rows}


async def tables_outside_months(database: Database) -> list[str]:
    """Return the tables with rows that belong to no month, and so are in their last partition."""
    return [row["parent"] for row in await database.fetch(OUTSIDE)]


def time_of(end: UUID) -> datetime:
    """Return the time at which a partition ends."""
    try:
        return made_at(end)
    except OverflowError:  # of a partition that never ends: see 0136
        return datetime.max.replace(tzinfo=UTC)
