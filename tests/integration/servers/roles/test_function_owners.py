"""Functions that run as their owner have the rights they need, and every excess right is found."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from gateway.instance import Role
from gateway.wiring.database import excess_rights_problem
from persistence.postgres.rights.catalog import excess_statement
from persistence.postgres.rights.roles import FUNCTION_OWNERS, LOGINS
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import new_operator
from tests.support.clients.operator_doctor import failed_checks, healthy_operator

OWNED = """
SELECT o.rolname, array_agg(p.proname::text ORDER BY p.proname)
FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef GROUP BY 1
"""
PUBLIC = """
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))
"""
UNSAFE = """
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND 'search_path=pg_catalog, public, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))
"""
BODIES = """
SELECT p.proname, p.prosrc FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
"""
TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
"""
ATTRIBUTES = """
SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolsuper OR rolcreaterole
  OR rolcreatedb OR rolbypassrls OR rolreplication)
"""
MEMBERSHIPS = """
SELECT member::regrole::text, roleid::regrole::text FROM pg_auth_members
WHERE member::regrole::text = ANY (%s)
"""
CREATING = """
SELECT rolname FROM pg_roles, pg_namespace n WHERE rolname = ANY (%s) AND (
  has_database_privilege(rolname, current_database(), 'CREATE')
  OR has_database_privilege(rolname, current_database(), 'TEMPORARY')
  OR has_schema_privilege(rolname, n.oid, 'CREATE'))
"""
WRITES = """
SELECT DISTINCT c.relname || '.' || a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND (has_column_privilege(%(role)s, c.oid, a.attnum, 'INSERT, UPDATE')
    OR has_table_privilege(%(role)s, c.oid, 'DELETE, TRUNCATE'))
"""
OUR_ROLES = [*LOGINS, *FUNCTION_OWNERS]


def test_of_all_functions_only_the_one_that_creates_partitions_runs_as_the_databases_owner(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        owned: dict[str, list[str]] = dict(connection.execute(OWNED).fetchall())
        owner = connection.info.user
        assert owned.pop(owner) == ["create_next_partition"]
        assert set(owned) == set(FUNCTION_OWNERS)
        assert connection.execute(UNSAFE).fetchall() == []
        assert connection.execute(PUBLIC).fetchall() == []
    assert "partner_changed" in owned["swapgate_functions_partners"]
    assert "end_earnings_period" in owned["swapgate_functions_ledger"]


def test_functions_that_run_as_their_owner_qualify_the_names_of_tables(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        bodies = connection.execute(BODIES).fetchall()
        tables = "|".join(name for (name,) in connection.execute(TABLES).fetchall())
    unqualified = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:{tables})\b")
    assert len(bodies) > 30
    assert {name for name, body in bodies if unqualified.search(body)} == set()


def test_no_role_has_attributes_memberships_or_the_right_to_create(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        for query in (ATTRIBUTES, MEMBERSHIPS, CREATING):
            assert connection.execute(query, [OUR_ROLES]).fetchall() == []


PROTECTED = {
    "cabinet": ("orders", "outflows", "ledger_postings", "proposals", "reserves"),
    "chains": ("ledger_postings", "payout_details", "reserves", "outflow_settings"),
    "ledger": ("orders", "outflows", "proposals", "payout_details", "reserves"),
    "market": ("orders", "outflows", "ledger_postings", "proposals", "operator_settings"),
    "orders": ("outflows", "ledger_postings", "proposals", "deposits", "payout_details"),
    "partners": ("orders", "outflows", "ledger_postings", "codes", "payout_details"),
    "webhooks": ("orders", "outflows", "ledger_postings", "partners", "payout_details"),
}


def test_functions_of_a_subject_cannot_write_what_belongs_to_others(
    database_urls: DatabaseUrls,
) -> None:
    assert {f"swapgate_functions_{subject}" for subject in PROTECTED} == set(FUNCTION_OWNERS)
    with psycopg.connect(database_urls.owner) as connection:
        for subject, tables in PROTECTED.items():
            role = {"role": f"swapgate_functions_{subject}"}
            written = {name for (name,) in connection.execute(WRITES, role).fetchall()}
            assert {name.partition(".")[0] for name in written}.isdisjoint(tables), subject
            assert written
            assert ("orders.state" in written) == (subject == "chains")


DAMAGE = [
    *(
        (
            f"ALTER FUNCTION partner_changed() OWNER TO {owner}",
            "ALTER FUNCTION partner_changed() OWNER TO swapgate_functions_partners",
            f"function partner_changed() runs with the rights of {owner}",
            "CALL set_function_owner('partner_changed()', 'SUBJECT')",
        )
        for owner in ("postgres", "swapgate_owner", "swapgate_settlement")
    ),
    (
        "ALTER FUNCTION delete_order(uuid) SET search_path = public",
        "ALTER FUNCTION delete_order(uuid) SET search_path = pg_catalog, public, pg_temp",
        "function delete_order(uuid) runs as its owner without a safe search path",
        "ALTER FUNCTION delete_order(uuid) SET search_path = pg_catalog, public, pg_temp",
    ),
    (
        "GRANT EXECUTE ON FUNCTION count_orders() TO PUBLIC",
        "REVOKE EXECUTE ON FUNCTION count_orders() FROM PUBLIC",
        "function count_orders() runs as its owner for anybody who calls it",
        "REVOKE EXECUTE ON FUNCTION count_orders() FROM PUBLIC",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO swapgate_settlement",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, swapgate_settlement",
        "role swapgate_settlement may CREATE in the schema public",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, swapgate_settlement",
    ),
    (
        "GRANT pg_read_server_files TO swapgate_admin",
        "REVOKE pg_read_server_files FROM swapgate_admin",
        "role swapgate_admin is a member of pg_read_server_files",
        "REVOKE pg_read_server_files FROM swapgate_admin",
    ),
    (
        "GRANT pg_execute_server_program TO swapgate_functions_market",
        "REVOKE pg_execute_server_program FROM swapgate_functions_market",
        "role swapgate_functions_market is a member of pg_execute_server_program",
        "REVOKE pg_execute_server_program FROM swapgate_functions_market",
    ),
    (
        "GRANT swapgate_settlement TO swapgate_gateway",
        "REVOKE swapgate_settlement FROM swapgate_gateway",
        "role swapgate_gateway is a member of swapgate_settlement",
        "REVOKE swapgate_settlement FROM swapgate_gateway",
    ),
    *(
        (
            f"ALTER ROLE swapgate_settlement {attribute}",
            f"ALTER ROLE swapgate_settlement NO{attribute}",
            f"role swapgate_settlement {what}",
            f"ALTER ROLE swapgate_settlement NO{attribute}",
        )
        for attribute, what in (
            ("SUPERUSER", "is a superuser"),
            ("CREATEROLE", "may create roles"),
            ("CREATEDB", "may create databases"),
            ("BYPASSRLS", "bypasses row security"),
            ("REPLICATION", "may copy the server by replication"),
        )
    ),
]


@contextmanager
def damaged(url: str, statement: str, undo: str) -> Iterator[psycopg.Connection]:
    """Run a statement, and undo it afterwards: roles belong to the whole server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
        try:
            yield connection
        finally:
            connection.execute(undo.encode())


def test_an_excess_right_is_found_with_the_statement_that_repairs_it(
    database_urls: DatabaseUrls,
) -> None:
    def problem(role: Role) -> str | None:
        return excess_rights_problem(getattr(database_urls, role.value), role, sandbox=True)

    assert problem(Role.GATEWAY) is None
    for damage, undo, found, repair in DAMAGE:
        with damaged(database_urls.superuser, damage, undo) as connection:
            for role in (Role.GATEWAY, Role.SETTLEMENT):
                sentence = str(problem(role))
                assert sentence.startswith(f"The database {found}")
                assert sentence.endswith(f"may run like this. Revoke the right: {repair}")
            if "SUBJECT" not in repair:
                connection.execute(repair.encode())
                assert problem(Role.SETTLEMENT) is None


def test_the_right_to_create_temporary_tables_is_found_for_every_role(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'GRANT CREATE, TEMPORARY ON DATABASE "{name}" TO PUBLIC'.encode())
        rows = connection.execute(excess_statement(process_role=None).encode()).fetchall()
    for what in ("may create schemas", "may create temporary tables"):
        assert {row[0] for row in rows if row[2] == what} == {f"role {one}" for one in OUR_ROLES}


def test_doctor_names_a_function_with_excess_rights_and_what_to_type(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = healthy_operator(database_urls, servers, tmp_path)
    damage, undo, found, repair = DAMAGE[0]
    with damaged(database_urls.superuser, damage, undo):
        advice = failed_checks(operator, ok=False)["roles"]
    assert advice.startswith(f"The database {found}")
    assert advice.endswith(f". Revoke the right: {repair}")


def test_no_process_starts_while_a_role_has_excess_rights(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.sql("GRANT CREATE ON SCHEMA public TO swapgate_admin")
    for process in ("rates", "settlement", "webhooks"):
        assert operator.error(process).startswith(
            "The database role swapgate_admin may CREATE in the schema public: no process may run"
        )
