"""`swapgate init` on PostgreSQL and Valkey servers of an operator's own."""

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import valkey

from gateway.instance import Role
from gateway.wiring.database import excess_rights_problem
from persistence.keyring_file import load_keyring
from persistence.postgres.rights.roles import FUNCTION_OWNERS, LOGINS
from tests.support.servers.own.external import (
    WHEEL,
    ExternalPostgres,
    ExternalValkey,
    debian_postgres,
    external_postgres,
    external_valkey,
)
from tests.support.servers.own.installation import (
    FILES,
    OWNER,
    OWNER_PASSWORD,
    Operator,
    create_database,
)

ON_BOTH = pytest.mark.parametrize("postgres", ["debian", "wheel"], indirect=True)


@pytest.fixture(scope="module")
def postgres(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ExternalPostgres]:
    """Yield Debian's PostgreSQL, or that of the wheel: rules of CREATEROLE differ since 16."""
    binaries = WHEEL if getattr(request, "param", "") == "wheel" else debian_postgres()
    directory = tmp_path_factory.mktemp("external") / "postgres"
    with external_postgres(directory, binaries) as server:
        yield server


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExternalValkey]:
    with external_valkey(tmp_path_factory.mktemp("external") / "valkey") as server:
        yield server


@pytest.fixture
def operator(
    postgres: ExternalPostgres, valkey_server: ExternalValkey, tmp_path: Path
) -> Iterator[Operator]:
    """Yield an operator whose owner may create roles; servers without anything of Swapgate's."""
    create_database(postgres)
    yield Operator(postgres, valkey_server, tmp_path / "swapgate")
    postgres.execute("DROP DATABASE swapgate WITH (FORCE)")
    for role in (*LOGINS, *FUNCTION_OWNERS, OWNER):
        postgres.execute(f"DROP ROLE IF EXISTS {role}")
    with valkey.Valkey.from_url(valkey_server.url()) as client:
        for user in client.acl_users():
            if user != "default":
                client.acl_deluser(user)


def assert_usable(operator: Operator) -> None:
    """Check that the schema can be migrated, and that each process's login has its rights only."""
    migrated = operator.run("operator/migrate.env", "migrate")
    assert migrated.exit_code == 0, migrated.stderr
    for file, role in (
        ("gateway/serve.env", Role.GATEWAY),
        ("rates/rates.env", Role.GATEWAY),
        ("gateway/webhooks.env", Role.GATEWAY),
        ("settlement/settlement.env", Role.SETTLEMENT),
    ):
        url = operator.database_url(file)
        assert excess_rights_problem(url, role, sandbox=False) is None
        with psycopg.connect(url) as connection:
            assert connection.info.user == f"swapgate_{role}"
    created = operator.run("operator/operator.env", "partner", "create", "--email", "a@b.example")
    assert created.exit_code == 0, created.stderr


@ON_BOTH
def test_an_owner_who_may_create_roles_needs_one_command(operator: Operator) -> None:
    done = operator.init()
    assert done.exit_code == 0, done.stderr
    assert set(operator.contents()) == FILES
    for path in operator.directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    load_keyring(operator.directory / "gateway/keyring.json")
    assert_usable(operator)


def test_a_dry_run_changes_nothing_and_shows_no_password(operator: Operator) -> None:
    done = operator.init("--dry-run")
    assert done.exit_code == 0, done.stderr
    assert not operator.directory.exists()
    assert 'CREATE ROLE "swapgate_gateway";' in done.stdout
    assert "ACL SETUSER swapgate_gateway on" in done.stdout
    assert "SCRAM" not in done.stdout
    assert OWNER_PASSWORD not in done.output
    again = operator.init("--dry-run")
    assert again.stdout == done.stdout


def test_the_database_of_a_sandbox_becomes_one_with_its_schema(operator: Operator) -> None:
    """With made-up pay-in addresses, as `up` has them; and only before it was used."""
    assert operator.init("--sandbox").exit_code == 0
    for _ in range(2):
        migrated = operator.run("operator/migrate.env", "migrate")
        assert migrated.exit_code == 0, migrated.stderr
    with psycopg.connect(operator.database_url("operator/migrate.env")) as connection:
        found = connection.execute(
            "SELECT sandbox, (SELECT count(*) FROM networks) - (SELECT count(*) FROM "
            "pay_in_accounts) FROM operator_settings"
        ).fetchone()
        assert found == (True, 0)
        connection.execute("UPDATE operator_settings SET sandbox = false")
    migrated = operator.run("operator/migrate.env", "migrate")
    assert migrated.exit_code == 1
    assert "does not belong to a sandbox" in migrated.stderr


def test_a_second_run_keeps_passwords_keys_and_changed_settings(operator: Operator) -> None:
    assert operator.init().exit_code == 0
    file = operator.directory / "gateway/serve.env"
    file.write_text(file.read_text() + "SWAPGATE_PUBLIC_URL=https://swap.example\n")
    before = operator.contents()
    done = operator.init()
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "-- everything exists already\n"
    assert operator.contents() == before


def test_a_deleted_settings_file_is_written_again_with_the_same_logins(operator: Operator) -> None:
    assert operator.init().exit_code == 0
    before = operator.contents()
    (operator.directory / "rates/rates.env").unlink()
    (operator.directory / "rates/rates.key").unlink()
    done = operator.init()
    assert done.exit_code == 1
    assert "swapgate_rates" in done.stderr, "only that file had the password of Valkey's user"
    (operator.directory / "rates/rates.env").write_bytes(before["rates/rates.env"])
    (operator.directory / "gateway/webhooks.env").unlink()
    done = operator.init()
    assert done.exit_code == 1, done.stdout
    (operator.directory / "gateway/webhooks.env").write_bytes(before["gateway/webhooks.env"])
    assert operator.init().exit_code == 0
    assert operator.contents() == before


def test_passwords_are_replaced_only_when_it_is_requested(operator: Operator) -> None:
    assert operator.init().exit_code == 0
    before, ring = operator.secrets(), operator.contents()["gateway/keyring.json"]
    old = operator.database_url("gateway/serve.env")
    done = operator.init("--new-passwords")
    assert done.exit_code == 0, done.stderr
    assert set(operator.secrets()) & set(before) == {OWNER_PASSWORD}
    assert operator.contents()["gateway/keyring.json"] == ring
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    psycopg.connect(operator.database_url("gateway/serve.env")).close()


def test_logins_with_unknown_passwords_are_not_changed(operator: Operator, tmp_path: Path) -> None:
    assert operator.init().exit_code == 0
    other = Operator(operator.postgres, operator.valkey, tmp_path / "other")
    done = other.init()
    assert done.exit_code == 1
    assert "no settings file has the password of swapgate_" in done.stderr.lower()
    assert not other.directory.exists()
    assert operator.init().stdout == "-- everything exists already\n"


@ON_BOTH
def test_an_administrator_runs_what_the_owner_may_not(operator: Operator) -> None:
    operator.postgres.execute(f"ALTER ROLE {OWNER} NOCREATEROLE")
    done = operator.init()
    assert done.exit_code == 1
    assert "have an administrator run the statements above" in done.stderr
    assert all(secret not in done.output for secret in operator.secrets())
    operator.postgres.execute(done.stdout, database="swapgate")
    done = operator.init()
    assert done.exit_code == 0, done.stderr + done.stdout
    assert_usable(operator)


@ON_BOTH
def test_roles_of_the_dry_run_may_exist_beforehand(operator: Operator) -> None:
    operator.postgres.execute(f"ALTER ROLE {OWNER} NOCREATEROLE")
    shown = operator.init("--dry-run")
    operator.postgres.execute(shown.stdout, database="swapgate")
    done = operator.init()
    assert done.exit_code == 1
    assert "CREATE ROLE" not in done.stdout
    assert done.stdout.count("ALTER ROLE") == len(LOGINS)
    operator.postgres.execute(done.stdout, database="swapgate")
    assert operator.init().exit_code == 0
    assert_usable(operator)


def test_another_login_than_the_owner_is_refused(operator: Operator) -> None:
    url = operator.postgres.superuser_url.replace("/postgres?", "/swapgate?")
    operator.environment["SWAPGATE_DATABASE_URL"] = url.rpartition("/")[0] + "/swapgate"
    done = operator.init()
    assert done.exit_code == 1
    assert f"belongs to {OWNER}" in done.stderr


def test_valkey_users_are_created_by_its_administrator_if_the_login_may_not(
    operator: Operator,
) -> None:
    with valkey.Valkey.from_url(operator.valkey.url()) as client:
        client.execute_command("ACL SETUSER", "visitor", "on", ">of-a-visitor", "+ping", "~*")
        operator.environment["SWAPGATE_VALKEY_URL"] = operator.valkey.url("visitor", "of-a-visitor")
        done = operator.init()
        assert done.exit_code == 1
        shown = [line.removeprefix("-- ") for line in done.stdout.splitlines() if "ACL SET" in line]
        assert len(shown) == 5
        assert all(secret not in done.stdout for secret in operator.secrets())
        for command in shown:
            client.execute_command(*shlex.split(command))
    assert operator.init().exit_code == 0
