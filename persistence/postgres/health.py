"""Queries about the state of the installation, for doctor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from persistence.keyring import KeyRing
from persistence.postgres.partners.api_keys import api_secret_record
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database, Row

MIGRATIONS = Path(__file__).parent / "migrations"

SERVER = """
SELECT current_setting('server_version_num')::integer AS version, clock_timestamp() AS now
"""

IS_READ_ONLY = "SELECT pg_is_in_recovery() AS read_only"

ROLES = """
SELECT rolname::text AS name FROM pg_roles WHERE rolname = ANY ($1::text[])
"""

CAN_WRITE = """
SELECT has_column_privilege($1::text, 'orders', 'state', 'UPDATE') AS can_write
"""

APPLIED = "SELECT migration_id FROM _yoyo_migration"

# The default partner has no secrets (0023-house-partner.sql), and revoked keys have none.
SECRETS = """
SELECT p.id, p.email, p.webhook_secret_sealed AS sealed, NULL::uuid AS key_id
FROM partners p WHERE p.webhook_secret_sealed <> ''
UNION ALL
SELECT p.id, p.email, k.api_secret_sealed, k.id
FROM api_keys k JOIN partners p ON p.id = k.partner_id WHERE k.revoked_at IS NULL
ORDER BY id
"""

# Networks with at least one asset that accepts deposits, in a sandbox or followed by settlement.
# The count stops at the limit.
FREE_ADDRESSES = """
SELECT n.name, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p WHERE p.network = n.name AND p.order_id IS NULL
    ORDER BY p.id + 0 LIMIT $1
  ) AS counted
) AS free
FROM networks n
WHERE EXISTS (
  SELECT FROM assets a LEFT JOIN connected_assets c ON c.asset = a.code
  WHERE a.network = n.name AND a.enabled AND a.receivable
    AND (c.receives OR (SELECT sandbox FROM operator_settings)))
ORDER BY n.name
"""

# Events that wait for an earlier event of their order, for their next attempt, for a circuit
# breaker to close or for a worker's result are on their way. These are due but not claimed, or
# claimed and never released.
OLDEST_WAITING = """
SELECT least(
  (SELECT min(e.due_at) FROM webhook_events e
   WHERE e.status = 'pending' AND NOT EXISTS (
     SELECT FROM webhook_events earlier
     WHERE earlier.order_id = e.order_id AND earlier.position < e.position
       AND earlier.status IN ('pending', 'queued'))
     AND NOT EXISTS (
       SELECT FROM webhook_circuit_breakers c
       WHERE c.partner_id = e.partner_id AND c.opened_at IS NOT NULL)),
  (SELECT min(e.leased_until) FROM webhook_events e WHERE e.status = 'queued')
) AS since
"""

GONE = """
SELECT email FROM partners WHERE webhook_gone_at IS NOT NULL AND enabled ORDER BY webhook_gone_at
"""


class Server(msgspec.Struct, frozen=True):
    """A PostgreSQL server: its version as a number (180001 is 18.1), and its time."""

    version: int
    now: datetime


async def read_server(database: Database) -> Server:
    """Return the version and time of the server."""
    (row,) = await database.fetch(SERVER)
    return Server(row["version"], row["now"])


async def is_read_only(database: Database) -> bool:
    """Return whether the server is a standby, which rejects writes."""
    (row,) = await database.fetch(IS_READ_ONLY)
    return bool(row["read_only"])


async def missing_roles(database: Database, names: Sequence[str]) -> list[str]:
    """Return which of these roles do not exist."""
    found = {row["name"] for row in await database.fetch(ROLES, [list(names)])}
    return [name for name in names if name not in found]


async def can_write_order_state(database: Database, role: str) -> bool:
    """Return whether a role may change the state of orders."""
    (row,) = await database.fetch(CAN_WRITE, [role])
    return bool(row["can_write"])


async def missing_migrations(database: Database) -> list[str]:
    """Return the ids of the migrations that are not applied yet, in order."""
    applied = {row["migration_id"] for row in await database.fetch(APPLIED)}
    return sorted({path.stem for path in MIGRATIONS.glob("*.sql")} - applied)


async def partners_with_unreadable_secrets(database: Database, keyring: KeyRing) -> list[str]:
    """Return the e-mail addresses of partners whose secrets the key ring cannot decrypt."""
    rows = await database.fetch(SECRETS)
    return list(dict.fromkeys(row["email"] for row in rows if not _opens(keyring, row)))


async def free_addresses(database: Database, *, at_most: int) -> Mapping[str, int]:
    """Return how many pay-in addresses each network in use has free, counted up to `at_most`."""
    rows = await database.fetch(FREE_ADDRESSES, [at_most])
    return {row["name"]: row["free"] for row in rows}


async def oldest_waiting_event(database: Database) -> datetime | None:
    """Return when the oldest unclaimed webhook event became due; None without one.

    A time in the future means that nothing is late.
    """
    (row,) = await database.fetch(OLDEST_WAITING)
    since: datetime | None = row["since"]
    return since


async def gone_endpoints(database: Database) -> list[str]:
    """Return the e-mail addresses of partners whose endpoint responded 410 Gone, oldest first."""
    return [row["email"] for row in await database.fetch(GONE)]


def _opens(keyring: KeyRing, row: Row) -> bool:
    if row["key_id"] is None:
        record = webhook_secret_record(UUID(row["id"]))
    else:
        record = api_secret_record(UUID(row["key_id"]))
    return keyring.try_open(row["sealed"], record=record) is not None
