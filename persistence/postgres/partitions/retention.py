"""Lists partitions, takes them out of their tables and archives them, as the database's owner.

A partition is detached before it is archived: nobody has rights to it then, so that what is written
to files is what it had. It is dropped when its files have been read back from disk. Each step is
recorded with it in `archived_partitions`, so that a killed run is continued where it was.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

from domain.actions.operator.retention.policy import Archived, Kind, StoredPartition
from domain.errors import InvalidCommand, Unavailable
from persistence.postgres.migrate import LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS, LOCK_TIMEOUT
from persistence.postgres.partitions.files import data_file, sha256_of, write_archive
from persistence.postgres.partitions.months import time_of

T = TypeVar("T")

TABLES: Final = {
    "webhook_attempts": Kind.WEBHOOKS,
    "webhook_events": Kind.WEBHOOKS,
    "audit_log": Kind.AUDIT,
    "operator_action_outcomes": Kind.AUDIT,
    "operator_actions": Kind.AUDIT,
}
"""The tables in the order in which they go: those that reference another one first."""

PARTITIONS: Final = """
SELECT c.relname, i.inhparent::regclass::text,
  substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([0-9a-f-]+)'), false,
  greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = ANY (%(tables)s::text[]::regclass[])
  AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
UNION ALL
SELECT a.name, a.parent, a.ends::text, true, greatest(c.reltuples, 0)::bigint,
  pg_total_relation_size(c.oid)
FROM archived_partitions a LEFT JOIN pg_class c ON c.oid = to_regclass(a.name)
WHERE a.dropped_at IS NULL
"""

# Few orders are open at any time, so this begins with them.
OBSTACLES: Final = sql.SQL("""
SELECT EXISTS (SELECT FROM {name} WHERE status IN ('pending', 'queued')),
  EXISTS (SELECT FROM orders o WHERE o.state IN ('awaiting_deposit', 'confirming', 'paying_out',
      'held', 'refunding') AND EXISTS (SELECT FROM {name} e WHERE e.order_id = o.id))
""")

DETACHED: Final = """
INSERT INTO archived_partitions (name, parent, ends, detached_at) VALUES (%s, %s, %s, now())
"""
STATE: Final = """
SELECT parent, row_count, sha256, dropped_at IS NOT NULL FROM archived_partitions WHERE name = %s
"""
ARCHIVED: Final = """
UPDATE archived_partitions SET archived_at = now(), row_count = %s, sha256 = %s WHERE name = %s
"""
DROPPED: Final = "UPDATE archived_partitions SET dropped_at = now() WHERE name = %s"


class PostgresPartitions:
    """PartitionRepository over PostgreSQL; `url` is a libpq URL of the owner."""

    def __init__(self, url: str, directory: Path | None = None) -> None:
        """`directory` is where archives are written; without one, nothing is archived."""
        self._url = url
        self._directory = directory

    async def partitions(self) -> Sequence[StoredPartition]:
        """See PartitionRepository."""
        return await self._in_thread(_partitions)

    async def detach(self, names: Sequence[str]) -> bool:
        """See PartitionRepository."""
        return await self._in_thread(lambda connection: _detach(connection, names))

    async def archive(self, name: str) -> Archived:
        """See PartitionRepository."""
        directory = self._directory
        if directory is None:
            raise InvalidCommand("state where to write archives, with `--archive`")
        return await self._in_thread(lambda connection: _archive(connection, directory, name))

    async def _in_thread(self, work: Callable[[psycopg.Connection], T]) -> T:
        return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[psycopg.Connection], T]) -> T:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                return work(connection)
        except psycopg.Error as error:
            raise Unavailable(str(error)) from error
        except OSError as error:
            raise InvalidCommand(f"the archive cannot be written: {error}") from error


def _partitions(connection: psycopg.Connection) -> list[StoredPartition]:
    names = list(TABLES)
    found = connection.execute(PARTITIONS, {"tables": names}).fetchall()
    found.sort(key=lambda row: (row[2], names.index(row[1])))
    return [
        StoredPartition(
            kind=TABLES[parent],
            name=name,
            end=time_of(UUID(end)),
            rows=rows or 0,
            size_bytes=size or 0,
            detached=detached,
            obstacle="" if detached else _obstacle(connection, parent, name),
        )
        for name, parent, end, detached, rows, size in found
    ]


def _obstacle(connection: psycopg.Connection, parent: str, name: str) -> str:
    """Return why a partition must stay; attempts stay with their events."""
    if TABLES[parent] is not Kind.WEBHOOKS:
        return ""
    events = "webhook_events" + name.removeprefix(parent)
    statement = OBSTACLES.format(name=sql.Identifier(events))
    undelivered, of_open_orders = connection.execute(statement).fetchone() or (True, True)
    if undelivered:
        return "it has events that are not delivered yet"
    return "it has events of orders that have not ended" if of_open_orders else ""


def _detach(connection: psycopg.Connection, names: Sequence[str]) -> bool:
    def work() -> bool:
        found = connection.execute(PARTITIONS, {"tables": list(TABLES)}).fetchall()
        attached = {
            parent: (name, end)
            for name, parent, end, detached, *_ in found
            if not detached and name in names
        }
        connection.execute("LOCK TABLE orders, partners IN SHARE ROW EXCLUSIVE MODE")
        for parent in reversed(TABLES):  # in the order in which statements lock them
            if parent in attached:
                connection.execute(sql.SQL("LOCK TABLE {}").format(sql.Identifier(parent)))
        if any(_obstacle(connection, parent, name) for parent, (name, _) in attached.items()):
            return False
        for parent in TABLES:
            if parent in attached:
                name, end = attached[parent]
                statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {}")
                connection.execute(statement.format(sql.Identifier(parent), sql.Identifier(name)))
                connection.execute(DETACHED, [name, parent, end])
        return True

    return _with_locks(connection, work)


def _archive(connection: psycopg.Connection, directory: Path, name: str) -> Archived:
    parent, rows, sha256, dropped = connection.execute(STATE, [name]).fetchone() or _unknown(name)
    if dropped:
        return Archived(partition=name, rows=rows, sha256=sha256)
    path = data_file(directory, name)
    if sha256 is None or not path.exists() or sha256_of(path) != sha256:
        rows, sha256 = _write(connection, directory, parent, name)
        connection.execute(ARCHIVED, [rows, sha256, name])

    def drop() -> None:
        # Its foreign keys are part of the tables that it refers to.
        connection.execute("LOCK TABLE orders, partners IN ACCESS EXCLUSIVE MODE")
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        connection.execute(DROPPED, [name])

    _with_locks(connection, drop)
    return Archived(partition=name, rows=rows, sha256=sha256)


def _write(
    connection: psycopg.Connection, directory: Path, parent: str, name: str
) -> tuple[int, str]:
    """Write a partition to files; return its rows and the SHA-256. Raises InvalidCommand."""
    identifier = sql.Identifier(name)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(identifier))
        columns = [column.name for column in cursor.description or ()]
        (rows,) = cursor.execute(
            sql.SQL("SELECT count(*) FROM {}").format(identifier)
        ).fetchone() or (0,)
        copy = sql.SQL("COPY (SELECT * FROM {} ORDER BY 1) TO STDOUT (FORMAT csv, HEADER)")
        manifest = write_archive(
            directory,
            _chunks(cursor, copy.format(identifier)),
            table=parent,
            partition=name,
            columns=columns,
        )
    if manifest.rows != rows:
        raise InvalidCommand(
            f"{name} has {rows} rows, but its file {manifest.rows}: nothing is lost"
        )
    return rows, manifest.sha256


def _chunks(cursor: psycopg.Cursor, statement: sql.Composed) -> Iterator[bytes]:
    with cursor.copy(statement) as copy:
        for chunk in copy:
            yield bytes(chunk)


def _with_locks(connection: psycopg.Connection, work: Callable[[], T]) -> T:
    """Run `work` in a transaction that lets others pass while it waits, as migrations do."""
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute(LOCK_TIMEOUT)
                return work()
        except LockNotAvailable:
            if attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)
    raise AssertionError("unreachable")


def _unknown(name: str) -> NoReturn:
    raise InvalidCommand(f"{name} is not detached")
