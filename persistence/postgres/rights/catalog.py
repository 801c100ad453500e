"""The statement that finds excess rights in the database's catalog.

No role may be or become more than it is, and none may create anything: a temporary table, found
before ours, once ran its creator's code with the rights of a function's owner. The gateway must not
write what settlement writes, nor what only triggers and functions write; new tables that settlement
may write are covered automatically. Functions that run as their owner have a fixed search path and
one of our owners, and nobody calls them without a grant; only the one without parameters that
creates partitions runs as the owner of the tables, because nobody else can.
"""

from collections.abc import Iterable
from typing import Final

from persistence.postgres.rights.roles import FUNCTION_OWNERS, GATEWAY, LOGINS

READ_ONLY_TABLES: Final = (
    "archived_partitions",
    "cancelled_outflows",
    "chain_blocks",
    "chains",
    "code_totals",
    "connected_assets",
    "counted_orders",
    "daily_outflow",
    "database_history",
    "daily_volume",
    "deposits",
    "earnings_period_codes",
    "earnings_periods",
    "hot_wallets",
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
    "pay_in_releases",
    "payout_details",
    "proposals",
    "reserves",
    "retired_keys",
    "retired_pay_in_addresses",
    "settlement_leases",
    "unclaimed_deposits",
    "voided_outflows",
)
"""Tables that the gateway never writes, whether or not settlement does."""

SAFE_PATH: Final = "search_path=pg_catalog, public, pg_temp"

CONNECTION: Final = ("current_user", "session_user")
"""After SET ROLE both count, because the session can return to the role it logged in with."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def excess_statement(*, process_role: str | None) -> str:
    """Return the statement whose rows are excess rights, the most severe first.

    With `process_role`, the connection's own roles are examined too, as those of a process that
    works under that role.
    """
    connection = ", ".join(CONNECTION) if process_role else "NULL"
    return _EXCESS.format(
        ours=_listed((*LOGINS, *FUNCTION_OWNERS)),
        owners=_listed(FUNCTION_OWNERS),
        read_only=_listed(READ_ONLY_TABLES),
        connection=connection,
        process_role=process_role or "",
        gateway=GATEWAY,
        safe_path=SAFE_PATH,
    )


_EXCESS: Final = """
WITH who AS (
  SELECT oid, rolname::text AS name, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
    rolreplication, rolname IN ({ours}) AS ours, rolname IN ({connection}) IS TRUE AS connected,
    rolname IN ({connection}) IS TRUE AND rolname <> current_user AS logged_in
  FROM pg_roles WHERE rolname IN ({ours}) OR rolname IN ({connection})
), writers AS (
  SELECT oid, name, logged_in FROM who
  WHERE NOT rolsuper AND (name = '{gateway}' OR connected AND '{process_role}' = '{gateway}')
), here AS (
  SELECT quote_ident(datname) AS name, datdba FROM pg_database WHERE datname = current_database()
), tables AS (
  SELECT oid, relname::text, relowner, relname IN ({read_only}) AS read_only,
    has_any_column_privilege('swapgate_settlement', oid, 'INSERT, UPDATE')
      OR has_table_privilege('swapgate_settlement', oid, 'DELETE') AS of_settlement
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
), columns AS (
  SELECT t.oid, t.relname, t.read_only, a.attnum, a.attname::text
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
), functions AS (
  SELECT p.oid::regprocedure::text AS name, coalesce(p.proconfig, ARRAY[]::text[]) AS settings,
    o.rolname::text AS owner,
    p.proacl IS NULL OR EXISTS (
      SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0) AS is_public,
    p.oid = to_regprocedure('public.create_next_partition()') AND p.proowner = (
      SELECT relowner FROM pg_class WHERE oid = to_regclass('public.webhook_events')) AS attaches
  FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
  WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
), found AS (
  SELECT 1 AS weight, 'role ' || name AS subject, logged_in, 'is a superuser' AS what,
    CASE WHEN ours THEN format('ALTER ROLE %I NOSUPERUSER', name) ELSE '' END AS repair
  FROM who WHERE rolsuper
  UNION ALL
  SELECT 2, 'role ' || name, logged_in, a.what, format('ALTER ROLE %I %s', name, a.without)
  FROM who, LATERAL (VALUES
    (rolcreaterole, 'may create roles', 'NOCREATEROLE'),
    (rolcreatedb, 'may create databases', 'NOCREATEDB'),
    (rolbypassrls, 'bypasses row security', 'NOBYPASSRLS'),
    (rolreplication, 'may copy the server by replication', 'NOREPLICATION')
  ) AS a (has, what, without) WHERE a.has AND NOT rolsuper
  UNION ALL
  SELECT 3, 'role ' || w.name, w.logged_in, 'is the role of another process', ''
  FROM who w WHERE w.connected AND w.ours AND NOT w.rolsuper AND w.name <> '{process_role}'
  UNION ALL
  SELECT 3, 'role ' || w.name, w.logged_in, 'is a member of ' || g.rolname,
    format('REVOKE %I FROM %I', g.rolname, w.name)
  FROM who w JOIN pg_auth_members m ON m.member = w.oid JOIN pg_roles g ON g.oid = m.roleid
  WHERE NOT w.rolsuper AND (w.ours OR g.rolname <> '{process_role}')
  UNION ALL
  SELECT 1, 'role ' || w.name, w.logged_in, 'owns this database', '' FROM who w, here
  WHERE NOT w.rolsuper AND w.oid = here.datdba
  UNION ALL
  SELECT 3, 'role ' || w.name, w.logged_in, 'owns the table ' || t.relname,
    format('ALTER TABLE %I OWNER TO %s', t.relname, here.datdba::regrole)
  FROM who w JOIN tables t ON t.relowner = w.oid, here
  WHERE NOT w.rolsuper AND w.oid <> here.datdba
  UNION ALL
  SELECT 4, 'role ' || w.name, w.logged_in,
    'may ' || k.kind || ' ' || c.relname || '.' || c.attname,
    CASE WHEN has_table_privilege(w.oid, c.oid, k.kind)
      THEN format('REVOKE %s ON %I FROM PUBLIC, %I', k.kind, c.relname, w.name)
      ELSE format('REVOKE %s (%I) ON %I FROM PUBLIC, %I', k.kind, c.attname, c.relname, w.name) END
  FROM writers w, columns c, (VALUES ('INSERT'), ('UPDATE')) AS k (kind)
  WHERE has_column_privilege(w.oid, c.oid, c.attnum, k.kind)
    AND (c.read_only OR has_column_privilege('swapgate_settlement', c.oid, c.attnum, k.kind))
  UNION ALL
  SELECT 5, 'role ' || w.name, w.logged_in, 'may ' || k.kind || ' ' || t.relname,
    format('REVOKE %s ON %I FROM PUBLIC, %I', k.kind, t.relname, w.name)
  FROM writers w, tables t, (VALUES ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS k (kind)
  WHERE has_table_privilege(w.oid, t.oid, k.kind)
    AND (k.kind <> 'DELETE' OR t.read_only OR t.of_settlement)
  UNION ALL
  SELECT 6, 'role ' || w.name, w.logged_in, 'may CREATE in the schema ' || n.nspname,
    format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', n.nspname, w.name)
  FROM who w, pg_namespace n WHERE NOT w.rolsuper AND has_schema_privilege(w.oid, n.oid, 'CREATE')
  UNION ALL
  SELECT 6, 'role ' || w.name, w.logged_in, k.what,
    format('REVOKE %s ON DATABASE %s FROM PUBLIC, %I', k.kind, here.name, w.name)
  FROM who w, here, (VALUES
    ('CREATE', 'may create schemas'), ('TEMPORARY', 'may create temporary tables')
  ) AS k (kind, what)
  WHERE NOT w.rolsuper AND has_database_privilege(w.oid, current_database(), k.kind)
  UNION ALL
  SELECT 7, 'role ' || w.name, w.logged_in, 'may pay partners out',
    format('REVOKE EXECUTE ON FUNCTION end_earnings_period FROM PUBLIC, %I', w.name)
  FROM writers w JOIN pg_proc p
    ON p.pronamespace = 'public'::regnamespace AND p.proname = 'end_earnings_period'
  WHERE has_function_privilege(w.oid, p.oid, 'EXECUTE')
  UNION ALL
  SELECT 8, 'function ' || name, false, 'runs with the rights of ' || owner,
    CASE WHEN to_regproc('public.set_function_owner') IS NULL THEN ''
      ELSE format('CALL set_function_owner(%L, ''SUBJECT'')', name) END
  FROM functions WHERE owner NOT IN ({owners}) AND attaches IS NOT TRUE
  UNION ALL
  SELECT 8, 'function ' || name, false, 'runs as its owner without a safe search path',
    format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', name)
  FROM functions WHERE '{safe_path}' <> ALL (settings)
  UNION ALL
  SELECT 8, 'function ' || name, false, 'runs as its owner for anybody who calls it',
    format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name)
  FROM functions WHERE is_public
)
SELECT subject, logged_in, what, repair FROM found ORDER BY weight, what, subject
"""
