"""What the gateway's role must not be able to do, looked up in the database's own catalogue.

Nothing that settlement may write, nothing that only triggers and functions write, and no way to
become somebody who may. A table that settlement is given rights to is guarded by that alone.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from persistence.postgres.pool import Database

UNTOUCHABLE = (
    "cancelled_outflows",
    "chain_blocks",
    "chains",
    "code_totals",
    "connected_assets",
    "counted_orders",
    "daily_outflow",
    "daily_volume",
    "deposits",
    "earnings_period_codes",
    "earnings_periods",
    "ledger_postings",
    "operator_settings",
    "outflow_permits",
    "outflow_replacements",
    "outflow_settings",
    "outflows",
    "partner_days",
    "partner_totals",
    "pay_in_accounts",
    "payout_details",
    "reserves",
    "unclaimed_deposits",
)
"""Tables that the gateway writes nothing of, whoever else may."""

_EXCESS = f"""
WITH who AS (
  SELECT oid, rolname, rolname <> current_user AS logged_in, rolsuper, rolcreaterole FROM pg_roles
  WHERE rolname IN (%s)
), tables AS (
  SELECT oid, relname::text, relowner, relname = ANY ('{{{",".join(UNTOUCHABLE)}}}') AS untouchable,
    has_any_column_privilege('swapgate_settlement', oid, 'INSERT, UPDATE')
      OR has_table_privilege('swapgate_settlement', oid, 'DELETE') AS of_settlement
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
), columns AS (
  SELECT t.oid, t.relname, t.untouchable, a.attnum, a.attname::text
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
), kinds AS (SELECT unnest(ARRAY['INSERT', 'UPDATE']) AS kind),
found AS (
  SELECT oid, 1 AS weight, 'is a superuser' AS what FROM who WHERE rolsuper
  UNION ALL
  SELECT oid, 2, 'may give itself any role' FROM who WHERE rolcreaterole AND NOT rolsuper
  UNION ALL
  SELECT w.oid, 3, 'is, or may become, ' || other.rolname
  FROM who w JOIN pg_roles other ON pg_has_role(w.oid, other.oid, 'MEMBER')
  WHERE NOT w.rolsuper AND (
    other.rolname IN ('swapgate_settlement', 'swapgate_admin')
    OR other.oid IN (SELECT relowner FROM tables))
  UNION ALL
  SELECT w.oid, 4, 'may ' || k.kind || ' ' || c.relname || '.' || c.attname
  FROM who w, columns c, kinds k
  WHERE NOT w.rolsuper AND has_column_privilege(w.oid, c.oid, c.attnum, k.kind)
    AND (c.untouchable
      OR has_column_privilege('swapgate_settlement', c.oid, c.attnum, k.kind))
  UNION ALL
  SELECT w.oid, 5, 'may ' || k.kind || ' ' || t.relname
  FROM who w, tables t, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS k (kind)
  WHERE NOT w.rolsuper AND has_table_privilege(w.oid, t.oid, k.kind)
    AND (k.kind <> 'DELETE' OR t.untouchable OR t.of_settlement)
  UNION ALL
  SELECT w.oid, 6, 'may CREATE in the schema public' FROM who w
  WHERE NOT w.rolsuper AND has_schema_privilege(w.oid, 'public', 'CREATE')
  UNION ALL
  SELECT w.oid, 6, 'may create temporary tables' FROM who w
  WHERE NOT w.rolsuper AND has_database_privilege(w.oid, current_database(), 'TEMPORARY')
  UNION ALL
  SELECT w.oid, 7, 'may pay partners out' FROM who w JOIN pg_proc p
    ON p.pronamespace = 'public'::regnamespace AND p.proname = 'end_earnings_period'
  WHERE NOT w.rolsuper AND has_function_privilege(w.oid, p.oid, 'EXECUTE')
)
SELECT w.rolname::text AS role, w.logged_in, f.what
FROM found f JOIN who w ON w.oid = f.oid ORDER BY f.weight, f.what
"""  # noqa: S608  names of our own tables

# Of a session under SET ROLE both roles count: it may go back to the one it logged in with.
EXCESS = _EXCESS % "current_user, session_user"
EXCESS_OF_GATEWAY = _EXCESS % "'swapgate_gateway'"

CONNECT_SECONDS = 3


class Excess(msgspec.Struct, frozen=True):
    """Something the gateway must not be able to do: `role` `what`.

    `logged_in` if it is the role the session logged in with, and has left by SET ROLE.
    """

    role: str
    logged_in: bool
    what: str


async def excess_rights(database: Database) -> Sequence[Excess]:
    """Return what this connection may do and the gateway must not, the worst first."""
    return [Excess(**row) for row in await database.fetch(EXCESS)]


async def excess_rights_of_gateway(database: Database) -> Sequence[Excess]:
    """Return the same of the role swapgate_gateway, whoever asks."""
    return [Excess(**row) for row in await database.fetch(EXCESS_OF_GATEWAY)]


def excess_rights_at(url: str) -> Sequence[Excess] | None:
    """Return the same of a connection of its own, or None where the database can't be asked now.

    For a process that is going to fork: the pool's threads would not survive that.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            return [Excess(*row) for row in connection.execute(EXCESS).fetchall()]
    except psycopg.Error:
        return None


def refusal(found: Sequence[Excess], *, sandbox: bool) -> str | None:
    """Return why a gateway must not work with these rights, or None where it may.

    In the sandbox a session may be of a mightier login under SET ROLE: there is nothing to lose.
    """
    counted = [one for one in found if not (sandbox and one.logged_in)]
    if not counted:
        return None
    worst = counted[0]
    more = f", and {len(counted) - 1} more like that" if len(counted) > 1 else ""
    return (
        f"The database role {worst.role} {worst.what}{more}: a gateway must not be able to. Log it "
        "in as swapgate_gateway, with the rights that `swapgate migrate` gives"
    )
