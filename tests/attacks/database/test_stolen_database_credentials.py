"""Whoever has the gateway's database credentials is the gateway, and can become nobody else."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest

from gateway.instance import INSTANCE_FILE, Instance
from persistence.embedded.access import OWNER, SUPERUSER
from persistence.postgres.rights.roles import ADMIN, FUNCTION_OWNERS, GATEWAY, SETTLEMENT
from tests.conftest import Running

OTHERS = (SUPERUSER, OWNER, ADMIN, SETTLEMENT, *FUNCTION_OWNERS)
ESCAPES = (
    *(f"SET ROLE {other}" for other in OTHERS),
    *(f"SET SESSION AUTHORIZATION {other}" for other in OTHERS),
    *(f"GRANT {other} TO {GATEWAY}" for other in OTHERS),
    f"ALTER ROLE {GATEWAY} SUPERUSER",
    f"ALTER ROLE {SETTLEMENT} PASSWORD 'known'",
    f"ALTER ROLE {SUPERUSER} PASSWORD 'known'",
    "CREATE ROLE mine SUPERUSER",
    "CREATE DATABASE mine",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE c AS '/tmp/mine', 'mine'",
    "LOAD '/tmp/mine'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY codes (label) FROM PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/swapgate-attack'",
    "COPY codes (label) FROM '/etc/passwd'",
    "SELECT pg_read_file('pg_hba.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/swapgate-attack')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_hba_file_rules",
    "ALTER SYSTEM SET listen_addresses = '*'",
    "SELECT pg_reload_conf()",
    "ALTER DATABASE swapgate OWNER TO swapgate_gateway",
    "SET session_replication_role = replica",
)


@pytest.fixture
def instance(up: Running) -> Instance:
    return msgspec.json.decode((up.data_dir / INSTANCE_FILE).read_bytes(), type=Instance)


def test_the_gateways_password_opens_no_other_role(instance: Instance) -> None:
    stolen = urlsplit(instance.gateway_database_url)
    with psycopg.connect(stolen.geturl()) as connection:
        assert connection.execute("SELECT session_user::text").fetchone() == (GATEWAY,)
    for role in OTHERS:
        for credentials in (f"{role}:{stolen.password}", f"{role}:", role):
            forged = stolen._replace(netloc=f"{credentials}@").geturl()
            with pytest.raises(psycopg.OperationalError, match=r"password|not permitted to log in"):
                psycopg.connect(forged)


def test_a_session_of_the_gateway_becomes_no_other_role(instance: Instance) -> None:
    with psycopg.connect(instance.gateway_database_url, autocommit=True) as connection:
        for statement in ESCAPES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        users = connection.execute("SELECT current_user::text, session_user::text").fetchone()
    assert users == (GATEWAY, GATEWAY)


def test_the_server_authenticates_every_connection_and_accepts_none_over_tcp(up: Running) -> None:
    hba = (up.data_dir / "postgres" / "data" / "pg_hba.conf").read_text()
    rules = [line.split() for line in hba.splitlines() if not line.startswith("#")]
    assert rules == [
        ["local", "all", "all", "scram-sha-256"],
        ["host", "all", "all", "all", "reject"],
    ]


def test_each_process_receives_only_the_password_of_its_own_role(
    up: Running, instance: Instance
) -> None:
    passwords = msgspec.json.decode((up.data_dir / "postgres" / "passwords.json").read_bytes())
    assert set(passwords) == {SUPERUSER, OWNER, ADMIN, GATEWAY, SETTLEMENT}
    assert len(set(passwords.values())) == len(passwords)
    assert passwords[SUPERUSER] not in repr(msgspec.to_builtins(instance))
    received = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().split("\0")
            status = (process / "status").read_text()
            environment = (process / "environ").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if f"\nPPid:\t{up.process.pid}\n" in status and "gateway" in command:
            name = command[command.index("gateway") + 1]
            received[name] = {role for role, secret in passwords.items() if secret in environment}
    assert received == {
        "serve": {GATEWAY},
        "rates": {GATEWAY},
        "webhooks": {GATEWAY},
        "settlement": {SETTLEMENT},
    }


def test_files_with_passwords_are_readable_only_by_their_owner(up: Running) -> None:
    for file in (up.data_dir / INSTANCE_FILE, up.data_dir / "postgres" / "passwords.json"):
        assert file.stat().st_mode & 0o777 == 0o600
