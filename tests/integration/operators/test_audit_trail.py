"""Every command that can change something is in the audit trail, which nobody can change."""

import hashlib
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.cli.command import Failure, read
from gateway.instance import Role
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.clients.operator_commands import COMMANDS, name_of

TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  AND NOT starts_with(relname, 'operator_action') ORDER BY 1
"""
CLI = Path(__file__).parents[3] / "gateway/cli"


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def recorded(operator: Operator) -> list[str]:
    return [row[0] for row in operator.sql("SELECT action FROM operator_actions ORDER BY id")]


def content(operator: Operator) -> str:
    """Return a digest of all tables but those of the audit trail."""
    with psycopg.connect(operator.urls.owner) as connection:
        rows = [
            connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()
            for (name,) in connection.execute(TABLES).fetchall()
        ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


@pytest.mark.timeout(600)
def test_every_command_leaves_a_row_or_changes_nothing(operator: Operator) -> None:
    operator.sql("ALTER TABLE operators DISABLE TRIGGER operators_are_kept")
    unrecorded, actions, stored = set(), recorded(operator), content(operator)
    for example in COMMANDS:
        operator.run(*example.split())
        before, actions = actions, recorded(operator)
        if actions == before:
            unrecorded.add(name_of(example))
            assert content(operator) == stored, example
        else:
            assert actions == [*before, name_of(example)], example
            operator.sql("DELETE FROM operators")
            stored = content(operator)
    assert {"partner list", "order show", "audit list", "keyring list"} <= unrecorded
    assert not unrecorded & {"partner set", "order resolve", "outflow off", "keyring rotate"}


def test_commands_reach_the_database_in_two_ways_only() -> None:
    users = {
        path.relative_to(CLI).as_posix()
        for path in CLI.rglob("*.py")
        if "gateway.wiring.operator.ports import run_with_ports" in path.read_text()
    }
    assert users == {"command.py"}, "`read`, whose session is read-only, and `run`, which records"


def test_a_change_that_is_not_recorded_is_rejected_by_the_database(operator: Operator) -> None:
    async def change(ports: Any) -> None:
        await ports.database.fetch("UPDATE operator_settings SET maintenance = true")

    with pytest.raises(Failure, match="read-only"):
        read(Role.ADMIN, operator.data_dir, change)


def test_an_action_is_recorded_with_reason_parameters_before_and_after(
    operator: Operator,
) -> None:
    operator.json("fee", "set", "tron", "10", "--reason", "as agreed")
    operator.json("fee", "set", "tron", "25", "--reason", "ticket 7")

    (row,) = operator.json("audit", "list", "--limit", "1")
    assert row["action"] == "fee set"
    assert row["subject"] == "tron"
    assert row["reason"] == "ticket 7"
    assert row["parameters"] == {"network": "tron", "bps": 25}
    assert (row["before"], row["after"]) == ({"Tron": 10}, {"Tron": 25})
    assert (row["outcome"], row["error"]) == ("ok", None)


def test_a_failed_action_is_recorded_with_its_error(operator: Operator) -> None:
    operator.error("fee", "set", "nowhere", "10")

    (row,) = operator.json("audit", "list")
    assert (row["outcome"], row["error"]) == ("failed", "there is no network nowhere")
    assert row["before"] is row["after"] is None


def test_an_interrupted_action_has_an_unknown_outcome(operator: Operator) -> None:
    operator.json("maintenance", "on")
    operator.sql("ALTER TABLE operator_action_outcomes DISABLE TRIGGER USER")
    operator.sql("DELETE FROM operator_action_outcomes")

    (row,) = operator.json("audit", "list")
    assert row["outcome"] == "unknown"


def test_what_cannot_be_recorded_is_not_done(operator: Operator) -> None:
    operator.sql("REVOKE INSERT ON operator_actions FROM swapgate_admin")
    try:
        assert "permission denied" in operator.error("maintenance", "on")
    finally:
        operator.sql("GRANT INSERT ON operator_actions TO swapgate_admin")
    assert operator.sql("SELECT maintenance FROM operator_settings") == [(False,)]


def test_actions_are_listed_by_subject_and_by_operator(operator: Operator) -> None:
    operator.json("asset", "disable", "xmr")
    operator.json("asset", "disable", "btc")
    operator.json("pair", "disable", "btc", "ltc")

    def actions(*options: str) -> list[str]:
        return [row["action"] for row in operator.json("audit", "list", *options)]

    assert actions() == ["pair disable", "asset disable", "asset disable"]
    assert actions("--subject", "btc") == ["asset disable"]
    assert actions("--subject", "btc ltc") == ["pair disable"]
    assert actions("--operator", "nobody") == []


def test_secrets_are_not_recorded(operator: Operator) -> None:
    created = operator.json("partner", "create", "--email", "team@wallet.example")
    password = operator.json("partner", "password", "team@wallet.example")
    operator.run("pay-in", "set", "Litecoin", "zpub-of-an-account")

    trail = repr(operator.sql("SELECT * FROM operator_actions, operator_action_outcomes"))
    assert "team@wallet.example" in trail
    secrets = (created["apiSecret"], created["webhookSecret"], password["password"])
    assert all(secret not in trail for secret in (*secrets, "zpub-of-an-account"))


@pytest.mark.parametrize("table", ["operator_actions", "operator_action_outcomes"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = now()"])
def test_nobody_can_change_the_audit_trail(
    operator: Operator, database_urls: DatabaseUrls, table: str, statement: str
) -> None:
    operator.json("maintenance", "on")

    with pytest.raises(psycopg.errors.RaiseException, match="is append-only"):
        operator.sql(statement.format(table))
    for url in (database_urls.admin, database_urls.settlement, database_urls.gateway):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.format(table).encode())


def test_the_gateway_can_neither_read_secrets_of_operators_nor_record_actions(
    database_urls: DatabaseUrls,
) -> None:
    for statement in (
        "SELECT secret_hash FROM operators",
        "INSERT INTO operators (name, secret_hash, created_at) VALUES ('eve', '', now())",
        "INSERT INTO operator_action_outcomes (action_id, at) VALUES (gen_random_uuid(), now())",
    ):
        with (
            psycopg.connect(database_urls.gateway) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())
