"""PostgreSQL enforces what each role may write, and every table is covered."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain.errors import Unavailable
from gateway.instance import Role, settings_for
from gateway.wiring.worker import GatewayProcess
from persistence.postgres.rights.roles import GATEWAY
from persistence.postgres.rights.rule import Excess, excess_rights_at, rejection_reason
from tests.conftest import SWAPGATE, DatabaseUrls, Servers, free_port
from tests.support.clients.operator_command import Operator, new_operator

OPENING = """
  id partner_id code_id rate_type source destination source_amount destination_amount rate
  network_fee fee_bps markup_bps destination_address destination_tag refund_address pay_in_address
  pay_in_tag token_hash created_at expires_at updated_at worth_usd client client_networks
  unsigned external_id metadata refund_tag quote_id traceparent
"""
CIRCUIT = """
  partner_id version concurrency window_started_at attempts failures failed_at opened_at
  half_open_at trial_started_at failed_trials
"""
GATEWAY_WRITES = {
    ("audit_log", "INSERT"): "id partner_id member_id email at address what about",
    ("codes", "INSERT"): "id partner_id code label markup_bps enabled created_at",
    ("codes", "UPDATE"): "label markup_bps enabled",
    ("emergency_choices", "INSERT"): "order_id choice refund_tag",
    ("idempotency_keys", "INSERT"): "partner_id key body_hash order_id",
    ("orders", "INSERT"): OPENING,
    ("api_keys", "INSERT"): (
        "id partner_id api_key api_secret_sealed label scope ip_allowlist signature_v2_only"
        " created_at"
    ),
    ("api_keys", "UPDATE"): (
        "api_secret_sealed previous_secret_sealed previous_secret_until generation"
        " secret_rotated_at label ip_allowlist signature_v2_only revoked_at"
    ),
    ("api_key_uses", "INSERT"): "key_id used_at",
    ("api_key_uses", "UPDATE"): "used_at",
    ("signature_v2_uses", "INSERT"): "key_id first_used_at",
    ("partners", "UPDATE"): (
        "webhook_secret_sealed webhook_url webhook_events generation revision"
        " webhook_gone_at standard_webhooks second_factor_required"
    ),
    ("partner_users", "INSERT"): ("id partner_id email password_hash one_time updated_at role"),
    ("partner_users", "UPDATE"): "password_hash one_time zone epoch updated_at role",
    ("partner_users", "DELETE"): "*",
    ("second_factors", "INSERT"): (
        "member_id secret_sealed confirmed_at last_step recovery_hashes created_at"
    ),
    ("second_factors", "UPDATE"): (
        "secret_sealed confirmed_at last_step recovery_hashes created_at"
    ),
    ("second_factors", "DELETE"): "*",
    ("nonce_memory", "INSERT"): "began_at",
    ("valkey_primaries", "INSERT"): "address generation",
    ("valkey_primaries", "UPDATE"): "generation",
    ("passkeys", "INSERT"): (
        "id member_id name credential_id public_key sign_count created_at last_used_at"
    ),
    ("passkeys", "UPDATE"): "sign_count last_used_at",
    ("passkeys", "DELETE"): "*",
    ("password_resets", "INSERT"): "id member_id epoch address requested_at next_attempt_at",
    ("password_resets", "UPDATE"): (
        "next_attempt_at attempts token_hash expires_at sent_at used_at"
    ),
    ("password_resets", "DELETE"): "*",
    ("pay_in_addresses", "UPDATE"): "order_id",
    ("webhook_attempts", "INSERT"): (
        "event_id attempt started_at latency_ms http_status error response_body"
    ),
    ("webhook_circuit_breakers", "INSERT"): CIRCUIT,
    ("webhook_circuit_breakers", "UPDATE"): CIRCUIT,
    ("webhook_circuit_breakers", "DELETE"): "*",
    ("webhook_events", "UPDATE"): "status attempts due_at lease leased_until finished_at",
}
"""All columns that the gateway may write. Add a table here if the gateway needs to write it, but
never a column that settlement or the ledger relies on."""

GATEWAY_CALLS = {
    *("enqueue_test_event", "counter_part", "is_open", "ended_without_payout", "utc_day"),
    *("delete_order", "first_id_at", "request_payout_details", "cancel_payout_details"),
    *("sealed_with", "fixed_exposure_usd", "orders_complete_until", "request_sandbox_step"),
    *("order_change_time", "database_is_confirmed"),
}
LEDGER = (
    *("ledger_postings", "earnings_periods", "earnings_period_codes"),
    *("partner_totals", "code_totals", "partner_days", "counted_orders", "payout_details"),
)

COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname, a.attnum
"""
FUNCTIONS = """
SELECT DISTINCT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
  AND has_function_privilege(%s, oid, 'EXECUTE')
"""


def writes(owner_url: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield each possible write: table, kind, column or `*`, and a statement that changes no row.

    PostgreSQL checks privileges before it reads rows.
    """
    with psycopg.connect(owner_url) as connection:
        columns = connection.execute(COLUMNS).fetchall()
    for table, column in columns:
        yield table, "INSERT", column, f'INSERT INTO "{table}" ("{column}") VALUES (DEFAULT)'
        yield table, "UPDATE", column, f'UPDATE "{table}" SET "{column}" = DEFAULT WHERE false'
    for table in dict.fromkeys(table for table, _ in columns):
        yield table, "DELETE", "*", f'DELETE FROM "{table}" WHERE false'
        yield table, "TRUNCATE", "*", f'TRUNCATE "{table}" CASCADE'


def is_denied(connection: psycopg.Connection, statement: str) -> bool:
    try:
        connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False  # permitted, but stopped by a rule or a constraint
    finally:
        connection.rollback()
    return False


def test_the_gateway_writes_exactly_the_documented_columns(
    database_urls: DatabaseUrls,
) -> None:
    documented = {
        (table, kind, column)
        for (table, kind), columns in GATEWAY_WRITES.items()
        for column in columns.split()
    }
    with psycopg.connect(database_urls.gateway) as connection:
        all_writes = list(writes(database_urls.owner))
        permitted = {
            (table, kind, column)
            for table, kind, column, statement in all_writes
            if not is_denied(connection, statement)
        }
    assert {table for table, *_ in all_writes} >= {"orders", "deposits", "pay_in_accounts", *LEDGER}
    assert permitted == documented


def test_the_gateway_locks_no_order_and_calls_only_its_own_functions(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.gateway) as connection:
        for table in ("orders", "deposits", "pay_in_accounts", *LEDGER):
            for strength in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"):
                assert is_denied(connection, f"SELECT FROM {table} FOR {strength}"), table
        assert is_denied(connection, "LOCK TABLE orders IN EXCLUSIVE MODE")
        assert is_denied(connection, "SET ROLE swapgate_settlement")
        assert is_denied(connection, "CREATE TABLE mine ()")
        assert is_denied(connection, "COPY ledger_postings FROM STDIN")
        called = {row[0] for row in connection.execute(FUNCTIONS, ["swapgate_gateway"])}
    assert called == GATEWAY_CALLS


@pytest.mark.parametrize("role", ["gateway", "settlement", "admin"])
def test_only_settlement_inserts_into_the_ledger_and_nobody_changes_it(
    database_urls: DatabaseUrls, role: str
) -> None:
    with psycopg.connect(getattr(database_urls, role)) as connection:
        permitted = {
            (table, kind)
            for table, kind, _, statement in writes(database_urls.owner)
            if table in LEDGER and not is_denied(connection, statement)
        }
    assert permitted == ({("ledger_postings", "INSERT")} if role == "settlement" else set())


def grant_temporary(owner_url: str) -> str:
    """Return the statement that grants again what a migration revoked."""
    with psycopg.connect(owner_url) as connection:
        name = connection.info.dbname
    return f'GRANT TEMPORARY ON DATABASE "{name}" TO PUBLIC'


def excess_privileges(database_urls: DatabaseUrls, *changes: str) -> list[str]:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        for change in changes:
            connection.execute(change.encode())
    excess = excess_rights_at(database_urls.gateway, process_role=GATEWAY)
    assert excess is not None
    of_all_roles = {one.what for one in excess if one.subject != "role swapgate_gateway"}
    assert of_all_roles <= {"may create temporary tables"}  # granted to PUBLIC
    return [one.what for one in excess if one.subject == "role swapgate_gateway"]


def test_every_excess_privilege_of_the_gateway_is_found(database_urls: DatabaseUrls) -> None:
    assert excess_privileges(database_urls) == []
    assert excess_privileges(
        database_urls,
        "GRANT UPDATE (state) ON orders TO swapgate_gateway",
        "GRANT INSERT (address) ON pay_in_addresses TO swapgate_gateway",
        "GRANT INSERT (amount) ON ledger_postings TO swapgate_gateway",
        "GRANT DELETE ON orders, earnings_periods TO swapgate_gateway",
        "GRANT TRUNCATE, TRIGGER ON codes TO swapgate_gateway",
        "GRANT CREATE ON SCHEMA public TO swapgate_gateway",
        grant_temporary(database_urls.owner),
        "GRANT EXECUTE ON FUNCTION end_earnings_period TO swapgate_gateway",
    ) == [
        "may INSERT ledger_postings.amount",
        "may INSERT pay_in_addresses.address",
        "may UPDATE orders.state",
        "may DELETE earnings_periods",
        "may DELETE orders",
        "may TRIGGER codes",
        "may TRUNCATE codes",
        "may CREATE in the schema public",
        "may create temporary tables",
        "may pay partners out",
    ]


def test_a_new_table_of_settlement_is_covered_automatically(database_urls: DatabaseUrls) -> None:
    assert excess_privileges(
        database_urls,
        "CREATE TABLE blocks (height bigint)",
        "GRANT INSERT ON blocks TO swapgate_settlement",
        "GRANT ALL ON blocks TO PUBLIC",
    ) == [
        "may INSERT blocks.height",
        "may UPDATE blocks.height",
        "may DELETE blocks",
        "may TRIGGER blocks",
        "may TRUNCATE blocks",
    ]


@pytest.mark.parametrize(
    ("role", "problem"),
    [
        ("settlement", "swapgate_settlement is the role of another process"),
        ("admin", "swapgate_admin is the role of another process"),
        ("owner", "swapgate_owner owns this database"),
        ("superuser", "postgres is a superuser"),
    ],
)
def test_serve_rejects_a_role_with_excess_privileges(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path, role: str, problem: str
) -> None:
    urls = DatabaseUrls(*([getattr(database_urls, role)] * 4))
    operator = Operator(urls, servers.valkey, tmp_path / "instance")
    done = serve(operator)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The database role {problem}")
    assert "no process may run like this" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_serve_rejects_a_privilege_granted_by_mistake(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.sql("GRANT UPDATE (state) ON orders TO swapgate_gateway")
    done = serve(operator)
    assert done.returncode == 1
    assert "swapgate_gateway may UPDATE orders.state: no process may run like this" in done.stderr


def test_only_a_sandbox_can_be_served_by_a_login_role_with_more_privileges(
    database_urls: DatabaseUrls,
) -> None:
    url = f"{database_urls.superuser}&options=-c%20role%3Dswapgate_gateway"
    excess = excess_rights_at(url, process_role=GATEWAY)
    assert excess == [Excess("role postgres", logged_in=True, what="is a superuser", repair="")]
    assert rejection_reason(excess, process_role=GATEWAY, sandbox=True) is None
    assert "postgres is a superuser" in str(
        rejection_reason(excess, process_role=GATEWAY, sandbox=False)
    )


def test_privileges_of_an_unavailable_database_are_unknown() -> None:
    nowhere = "postgresql://somebody@127.0.0.1:1/swapgate"
    assert excess_rights_at(nowhere, process_role=GATEWAY) is None


async def test_a_worker_accepts_no_calls_while_its_role_has_excess_privileges(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.sql("GRANT UPDATE (state) ON orders TO swapgate_gateway")
    process = GatewayProcess(settings_for(Role.GATEWAY, data_dir=operator.data_dir, environment={}))
    try:
        with pytest.raises(Unavailable, match=r"swapgate_gateway may UPDATE orders\.state"):
            await process._watchers.poll()
        operator.sql("REVOKE UPDATE (state) ON orders FROM swapgate_gateway")
        await process._watchers.poll()
    finally:
        await process.stop()


def serve(operator: Operator) -> subprocess.CompletedProcess[str]:
    command = [*SWAPGATE, "serve", "--port", str(free_port()), "--metrics-port", "0"]
    return subprocess.run(
        [*command, "--data-dir", str(operator.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200", "PATH": ""},
    )
