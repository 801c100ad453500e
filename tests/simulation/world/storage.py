"""The real database in virtual time: one per worker, reset between runs."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Self

import psqlpy
import psycopg

from persistence.postgres.pool import Database, Row
from tests.conftest import DatabaseUrls
from tests.simulation.world.scheduling import Process

# The database's clock is a sequence: not transactional, so every session sees the world's time at
# once, and each reading is a microsecond later than the one before. Ids that functions choose at
# random derive from it, so that a seed gives the same ones.
VIRTUAL_TIME: Final = """
CREATE SCHEMA virtual;
CREATE SEQUENCE virtual.clock;
GRANT USAGE ON SCHEMA virtual TO PUBLIC;
GRANT USAGE ON SEQUENCE virtual.clock TO PUBLIC;
CREATE FUNCTION virtual.new_id() RETURNS uuid LANGUAGE sql VOLATILE
  RETURN md5(nextval('virtual.clock')::text)::uuid;
CREATE FUNCTION virtual.now() RETURNS timestamptz LANGUAGE sql VOLATILE
  RETURN timestamptz 'epoch' + nextval('virtual.clock') * interval '1 microsecond';
CREATE FUNCTION virtual.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  RETURN virtual.now();
DO $do$
DECLARE
  one record;
BEGIN
  FOR one IN
    SELECT c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
    WHERE c.relnamespace = 'public'::regnamespace
      AND pg_get_expr(d.adbin, d.adrelid) ~ '\\m(now|clock_timestamp)\\(\\)'
  LOOP
    EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT %s', one.relname,
      one.attname, regexp_replace(one.expression, '\\m(now|clock_timestamp)\\(\\)',
        'virtual.now()', 'g'));
  END LOOP;
  FOR one IN
    SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
      AND p.prosrc ~ '\\m(now|clock_timestamp|gen_random_uuid)\\(\\)'
  LOOP
    EXECUTE regexp_replace(
      regexp_replace(one.definition, '\\m(now|clock_timestamp)\\(\\)', 'virtual.now()', 'g'),
      '\\mgen_random_uuid\\(\\)', 'virtual.new_id()', 'g');
  END LOOP;
END
$do$;
"""

TABLES: Final = """
SELECT c.relname, array_agg(quote_ident(a.attname) ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY 1 ORDER BY 1
"""

SEQUENCES: Final = """
SELECT schemaname || '.' || quote_ident(sequencename), last_value FROM pg_sequences
WHERE schemaname = 'public' ORDER BY 1
"""

REVISION: Final = "SELECT revision FROM revisions WHERE topic = 'catalogue'"

LEADERS: Final = "SELECT network, holder FROM settlement_leases"

WRITES: Final = (
    "INTO outflows",
    "INTO outflow_replacements",
    "UPDATE outflows",
    "DELETE FROM outflows",
)

SESSION: Final = {
    "search_path": "virtual,pg_catalog,public",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""Of every connection: statements are planned once, as their tables stay small."""

_WHAT = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM|FROM|SELECT)\s+((?:public\.)?[a-z_]+)", re.ASCII
)


@cache
def name_of(sql: str) -> str:
    """Return what a statement does first to which table, for traces."""
    writes = [found for found in _WHAT.finditer(sql) if found[1] not in ("FROM", "SELECT")]
    found = writes[0] if writes else next(iter(_WHAT.finditer(sql)), None)
    return f"{found[1].lower()} {found[2]}" if found else sql.split("\n", 1)[0][:40]


class _OneConnection:
    """A pool of one connection that is never returned: of the world's calls one happens at once."""

    def __init__(self, pool: psqlpy.ConnectionPool) -> None:
        self._pool = pool
        self._connection: psqlpy.Connection | None = None

    def acquire(self) -> Self:
        """See ConnectionPool."""
        return self

    async def __aenter__(self) -> psqlpy.Connection:
        """Return the connection."""
        if self._connection is None:
            self._connection = await self._pool.connection()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        """Keep the connection."""

    def close(self) -> None:
        """See ConnectionPool."""
        self._connection = None
        self._pool.close()


class SharedDatabase(Database):
    """A database as all processes of one role share it, in virtual time."""

    def __init__(self, url: str, storage: "Storage") -> None:
        super().__init__(url, size=2, session=SESSION)
        self._pool = _OneConnection(self._pool)  # type: ignore[assignment]
        self._storage = storage

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See Database. Nothing else runs meanwhile, so that it need not be bounded in time."""
        self._storage.before_statement()
        return await self._once(sql, parameters)


class ProcessDatabase(Database):
    """A database as one process uses it: each statement is a call that waits for its turn."""

    def __init__(self, shared: Database, process: Process) -> None:
        self._shared = shared
        self._process = process

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See Database."""
        return await self._process.fetch(name_of(sql), lambda: self._shared.fetch(sql, parameters))

    def close(self) -> None:
        """Do nothing: the connections belong to the world."""


class SettlementDatabase(ProcessDatabase):
    """A database as a settlement process uses it: what it writes is compared with the leases."""

    def __init__(self, storage: "Storage", process: Process) -> None:
        super().__init__(storage.settlement, process)
        self._storage = storage

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See Database. A statement that wrote about outflows returns what it wrote."""
        rows = await super().fetch(sql, parameters)
        if rows and any(verb in sql for verb in WRITES):
            self._storage.record_write(self._process.name, [str(one) for one in parameters])
        return rows


class Storage:
    """A migrated database, its connections by role, and how it is reset."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self._owner = psycopg.connect(urls.owner, autocommit=True)
        self._owner.execute(VIRTUAL_TIME.encode())
        self.gateway, self.settlement, self.admin = (
            SharedDatabase(url, self) for url in (urls.gateway, urls.settlement, urls.admin)
        )
        self._reset: bytes = b""
        self._clock: int | None = None
        self.statements = 0
        """How many statements of processes have run: without one, nothing has changed."""
        self.stale_writes: list[str] = []
        """What a process wrote about outflows while another one led their network."""

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as the tables' owner."""
        cursor = self._owner.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def remember(self) -> None:
        """Make the present contents those that `reset` returns to."""
        self.sql("DROP SCHEMA IF EXISTS initial CASCADE")
        self.sql("CREATE SCHEMA initial")
        statements = ["SET session_replication_role = replica"]
        for table, columns in self.sql(TABLES):
            self.sql(f"CREATE TABLE initial.{table} AS TABLE public.{table}")
            names = ", ".join(columns)
            statements.append(f"DELETE FROM public.{table}")
            if self.sql(f"SELECT 1 FROM initial.{table} LIMIT 1"):
                statements.append(
                    f"INSERT INTO public.{table} ({names}) OVERRIDING SYSTEM VALUE"
                    f" SELECT {names} FROM initial.{table} ORDER BY {columns[0]}"
                )
        for sequence, last in self.sql(SEQUENCES):
            statements.append(f"SELECT setval('{sequence}', {last or 1}, {last is not None})")
        statements.append("SET session_replication_role = origin")
        self._reset = ";\n".join(statements).encode()

    def record_write(self, process: str, parameters: Sequence[str]) -> None:
        """Record a write about outflows unless the process leads their network."""
        for network, holder in self.sql(LEADERS):
            if network in parameters and holder != process:
                self.stale_writes.append(f"{process} wrote on {network}, which {holder} leads")

    def reset(self) -> None:
        """Return to the remembered contents."""
        self.stale_writes.clear()
        self._owner.execute(self._reset)
        self.statements += 1

    def catalogue_revision(self) -> int:
        """Return how often the catalogue, or an estimate of a network fee, has changed."""
        ((revision,),) = self.sql(REVISION)
        return int(revision)

    def set_clock(self, unix_microseconds: int) -> None:
        """Set the database's clock, before the next statement reads it."""
        self._clock = unix_microseconds

    def before_statement(self) -> None:
        """Prepare for a statement of a process."""
        self.statements += 1
        if self._clock is not None:
            self.sql("SELECT setval('virtual.clock', %s)", self._clock)
            self._clock = None

    def close(self) -> None:
        """Close all connections."""
        self._owner.close()
        for database in (self.gateway, self.settlement, self.admin):
            database.close()
