"""What PostgreSQL tells of the installation's health; one question a function."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from persistence.keyring import KeyRing, SecretUnreadable
from persistence.postgres.partners import api_secret_record, webhook_secret_record
from persistence.postgres.pool import Database

SERVER = """
SELECT current_setting('server_version_num')::integer AS version, clock_timestamp() AS now
"""

ROLES = """
SELECT rolname::text AS name, rolsuper AS super FROM pg_roles WHERE rolname = ANY ($1::text[])
"""

CAN_WRITE = """
SELECT has_column_privilege($1::text, 'orders', 'state', 'UPDATE') AS can_write
"""

APPLIED = "SELECT migration_id FROM _yoyo_migration"

NEWEST_SECRETS = """
SELECT id, api_secret_sealed, webhook_secret_sealed FROM partners ORDER BY id DESC LIMIT 1
"""

# Of each network that takes deposits of some asset; nothing is counted further than asked.
FREE_ADDRESSES = """
SELECT n.name, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p WHERE p.network = n.name AND p.order_id IS NULL LIMIT $1
  ) AS counted
) AS free
FROM networks n
WHERE EXISTS (SELECT FROM assets a WHERE a.network = n.name AND a.enabled AND a.receivable)
ORDER BY n.name
"""

# What waits for an earlier event of its order, for its next attempt or for a worker's answer is on
# its way; this is what nobody has taken although it could have been.
OLDEST_WAITING = """
SELECT min(e.due_at) AS due_at FROM webhook_events e
WHERE e.status = 'pending' AND NOT EXISTS (
  SELECT FROM webhook_events earlier
  WHERE earlier.order_id = e.order_id AND earlier.position < e.position
    AND earlier.status IN ('pending', 'queued'))
"""


class Server(msgspec.Struct, frozen=True):
    """A PostgreSQL server: its version as a number (180001 is 18.1), and its time."""

    version: int
    now: datetime


async def read_server(database: Database) -> Server:
    """Return version and time of the server."""
    (row,) = await database.fetch(SERVER)
    return Server(row["version"], row["now"])


async def read_roles(database: Database, names: Sequence[str]) -> Mapping[str, bool]:
    """Return which of these roles exist, and whether each is a superuser."""
    return {row["name"]: row["super"] for row in await database.fetch(ROLES, [list(names)])}


async def can_write_order_state(database: Database, role: str) -> bool:
    """Tell whether a role may move orders."""
    (row,) = await database.fetch(CAN_WRITE, [role])
    return bool(row["can_write"])


async def applied_migrations(database: Database) -> frozenset[str]:
    """Return the ids of the migrations that are applied."""
    return frozenset(row["migration_id"] for row in await database.fetch(APPLIED))


async def opens_newest_secrets(database: Database, keyring: KeyRing) -> bool:
    """Tell whether the key ring opens the newest partner's secrets; true where there is none."""
    row = await database.fetch_one(NEWEST_SECRETS)
    if row is None:
        return True
    partner_id = UUID(row["id"])
    try:
        keyring.open(row["api_secret_sealed"], record=api_secret_record(partner_id))
        keyring.open(row["webhook_secret_sealed"], record=webhook_secret_record(partner_id))
    except SecretUnreadable:
        return False
    return True


async def free_addresses(database: Database, *, at_most: int) -> Mapping[str, int]:
    """Return how many pay-in addresses each network in use has free, counted up to `at_most`."""
    rows = await database.fetch(FREE_ADDRESSES, [at_most])
    return {row["name"]: row["free"] for row in rows}


async def oldest_waiting_event(database: Database) -> datetime | None:
    """Return since when the oldest webhook event is due that nobody has taken, if any."""
    (row,) = await database.fetch(OLDEST_WAITING)
    due_at: datetime | None = row["due_at"]
    return due_at
