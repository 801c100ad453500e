"""What a process checks or changes in its database before it starts."""

import asyncio
from contextlib import suppress

import psycopg
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.history import DatabaseOnHold
from feeds.settlement.history import HistoryWatch
from gateway.instance import Instance, PreparationFailed, Role, ValkeyUser
from gateway.settings import Settings
from persistence.postgres.history import PostgresDatabaseHistory
from persistence.postgres.hosts import UnusableUrl, hosts_of
from persistence.postgres.migrate import MigrationFailed, apply_migrations
from persistence.postgres.partitions.months import create_partitions
from persistence.postgres.pool import Database
from persistence.postgres.rights.rule import excess_rights_at, rejection_reason
from persistence.postgres.sessions import pooler_problem
from persistence.postgres.transport import transport_of
from persistence.valkey.connection.client import connect
from persistence.valkey.history import read_marker, write_marker


def migrate(owner_database_url: str) -> list[str]:
    """Bring the schema and the partitions up to date; return the ids of the applied migrations.

    Raises PreparationFailed.
    """
    try:
        applied = apply_migrations(owner_database_url)
        create_partitions(owner_database_url)
    except MigrationFailed as error:
        raise PreparationFailed(str(error)) from error
    except psycopg.Error as error:
        raise PreparationFailed(f"Partitions cannot be created: {error}") from error
    except UnusableUrl as error:
        raise PreparationFailed(f"SWAPGATE_DATABASE_URL cannot be used: {error}") from None
    return applied


def sessions_problem(settings: Settings) -> str | None:
    """Return why a process must not use its database URLs, or None if it may.

    None too if a server is unavailable: pools check their own sessions.
    """
    urls = {
        "SWAPGATE_DATABASE_URL": settings.database_url,
        "SWAPGATE_DATABASE_DIRECT_URL": settings.database_direct_url,
        "SWAPGATE_DATABASE_REPLICA_URL": settings.database_replica_url,
    }
    for name, url in urls.items():
        try:
            transport_of(url)
        except UnusableUrl as error:
            return f"{name} cannot be used: {error}"
    if len(hosts_of(settings.database_replica_url)) > 1:
        return "SWAPGATE_DATABASE_REPLICA_URL cannot be used: it has to name one standby"
    return pooler_problem(settings.database_url, settings.database_direct_url)


def excess_rights_problem(database_url: str, role: Role, *, sandbox: bool) -> str | None:
    """Return why a process must not start with this database and login, or None if it may.

    It must not while a role of the installation can become another, create anything, move funds or
    write the ledger, nor while a function runs with more rights than it needs. None too if the
    database is unavailable: each worker of the gateway checks again when it connects.
    """
    name = f"swapgate_{role.value}"
    try:
        found = excess_rights_at(database_url, process_role=name) or ()
    except UnusableUrl as error:
        return f"SWAPGATE_DATABASE_URL cannot be used: {error}"
    return rejection_reason(found, process_role=name, sandbox=sandbox)


def history_watch(database: Database, valkey: Valkey) -> HistoryWatch:
    """Return what confirms the history of the database, under settlement's role."""
    return HistoryWatch(
        PostgresDatabaseHistory(database),
        read_marker=lambda: read_marker(valkey),
        write_marker=lambda marker: write_marker(valkey, marker),
    )


def unconfirmed_history(instance: Instance) -> str | None:
    """Confirm the history of an instance's database; return why that is not possible.

    Without it the first orders would be rejected until settlement has started.
    """

    async def confirm() -> None:
        database = Database(instance.settlement_database_url, size=2)
        valkey = connect(instance.valkey_urls[ValkeyUser.SETTLEMENT], connections=1)
        try:
            await history_watch(database, valkey).round()
        finally:
            database.close()
            with suppress(ValkeyError, OSError):
                await valkey.aclose()

    try:
        asyncio.run(confirm())
    except (DatabaseOnHold, Unavailable) as error:
        return str(error)
    return None
