"""The state of each host of a database URL, for doctor."""

import asyncio
from collections.abc import Sequence
from typing import Final

import psycopg

from domain.actions.operator.doctor.replication import DatabaseHost
from persistence.postgres.hosts import hosts_of, of_host

CONNECT_SECONDS: Final = 2

# A standby has applied a part of the log; functions about writing it fail there.
STATE: Final = """
SELECT pg_is_in_recovery(),
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
    - '0/0')::bigint,
  current_setting('synchronous_standby_names'),
  (SELECT count(*) FROM pg_stat_replication)
"""


async def read_hosts(url: str) -> Sequence[DatabaseHost]:
    """Return the state of each of several hosts; none for a URL with one."""
    hosts = hosts_of(url)
    if len(hosts) < 2:
        return []
    return await asyncio.gather(*(_read(host, of_host(url, host)) for host in hosts))


async def _read(name: str, url: str) -> DatabaseHost:
    try:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS
        ) as connection:
            ((standby, position, synchronous, followers),) = await (
                await connection.execute(STATE)
            ).fetchall()
    except psycopg.Error as error:
        return DatabaseHost(name=name, problem=str(error).strip().rpartition(": ")[2])
    return DatabaseHost(
        name=name,
        is_standby=standby,
        position=position,
        synchronous=synchronous,
        followers=followers,
    )
