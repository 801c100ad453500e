"""Excess privileges of the gateway's role, according to the database's catalog.

The gateway must not write what settlement writes, nor what only triggers and functions write, nor
be able to become a role that can. New tables that settlement may write are covered automatically.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from persistence.postgres.pool import Database

READ_ONLY_TABLES = (
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
    "operator_action_outcomes",
    "operator_actions",
    "operator_settings",
    "operators",
    "outflow_attempts",
    "outflow_cost_bounds",
    "outflow_permits",
    "outflow_replacements",
    "outflow_settings",
    "outflows",
    "partner_days",
    "partner_totals",
    "pay_in_accounts",
    "payout_details",
    "proposals",
    "reserves",
    "retired_keys",
    "settlement_leases",
    "unclaimed_deposits",
    "voided_outflows",
)
"""Tables that the gateway never writes, whether or not settlement does."""

_EXCESS = f"""
WITH who AS (
  SELECT oid, rolname, rolname <> current_user AS logged_in, rolsuper, rolcreaterole FROM pg_roles
  WHERE rolname IN (%s)
), tables AS (
  SELECT oid, relname::text, relowner,
    relname = ANY ('{{{",".join(READ_ONLY_TABLES)}}}') AS read_only,
    has_any_column_privilege('swapgate_settlement', oid, 'INSERT, UPDATE')
      OR has_table_privilege('swapgate_settlement', oid, 'DELETE') AS of_settlement
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
), columns AS (
  SELECT t.oid, t.relname, t.read_only, a.attnum, a.attname::text
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
    AND (c.read_only
      OR has_column_privilege('swapgate_settlement', c.oid, c.attnum, k.kind))
  UNION ALL
  SELECT w.oid, 5, 'may ' || k.kind || ' ' || t.relname
  FROM who w, tables t, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS k (kind)
  WHERE NOT w.rolsuper AND has_table_privilege(w.oid, t.oid, k.kind)
    AND (k.kind <> 'DELETE' OR t.read_only OR t.of_settlement)
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

# After SET ROLE both roles count, because the session can return to the one it logged in with.
EXCESS = _EXCESS % "current_user, session_user"
EXCESS_OF_GATEWAY = _EXCESS % "'swapgate_gateway'"

CONNECT_SECONDS = 3


class Excess(msgspec.Struct, frozen=True):
    """A privilege that the gateway must not have, as text: `role` `what`.

    `logged_in` if the session logged in with this role and left it by SET ROLE.
    """

    role: str
    logged_in: bool
    what: str


async def excess_rights(database: Database) -> Sequence[Excess]:
    """Return the excess privileges of this connection, the most severe first."""
    return [Excess(**row) for row in await database.fetch(EXCESS)]


async def excess_rights_of_gateway(database: Database) -> Sequence[Excess]:
    """Return the excess privileges of the role swapgate_gateway."""
    return [Excess(**row) for row in await database.fetch(EXCESS_OF_GATEWAY)]


def excess_rights_at(url: str) -> Sequence[Excess] | None:
    """Return the excess privileges of a new connection, or None if the database is unavailable.

    For a process that will fork: the threads of a pool would not survive it.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            return [Excess(*row) for row in connection.execute(EXCESS).fetchall()]
    except psycopg.Error:
        return None


def rejection_reason(found: Sequence[Excess], *, sandbox: bool) -> str | None:
    """Return why a gateway must not run with these privileges, or None if it may.

    In a sandbox the login role may have more privileges than the current one: no funds are at risk.
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
