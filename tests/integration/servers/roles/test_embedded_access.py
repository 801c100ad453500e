"""The embedded PostgreSQL authenticates every role, also after an upgrade from earlier versions."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from persistence.embedded.access import OWNER, SUPERUSER
from persistence.embedded.errors import EmbeddedError
from persistence.embedded.postgres import DATABASE, EmbeddedPostgres
from persistence.postgres.migrate import apply_migrations
from persistence.postgres.rights.roles import LOGINS
from tests.conftest import DatabaseUrls, Servers
from tests.support.waiting import wait_until

OWNERS = """
SELECT DISTINCT relowner::regrole::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')
UNION SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()
"""
ATTRIBUTES = """
SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles
WHERE rolname = current_user
"""
TRUST = "local all all trust\n"
BACK_TO_AN_EARLIER_VERSION = (
    f"REASSIGN OWNED BY {OWNER} TO {SUPERUSER}",
    f"ALTER DATABASE {DATABASE} OWNER TO {SUPERUSER}",
    f"DROP OWNED BY {OWNER}",
    f"DROP ROLE {OWNER}",
    *(f"ALTER ROLE {role} PASSWORD NULL" for role in (SUPERUSER, *LOGINS)),
)


def run_sql(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def is_rejected(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as error:
        return "password" in str(error)
    return False


def without_password(server: EmbeddedPostgres, role: str) -> str:
    parts = urlsplit(server.url(user=role))
    return parts._replace(netloc=f"{role}@").geturl()


def accepts_anybody(server: EmbeddedPostgres) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(without_password(server, SUPERUSER)).close()
        return True
    return False


def test_no_role_connects_without_its_password(servers: Servers) -> None:
    for role in (SUPERUSER, OWNER, *LOGINS):
        assert is_rejected(without_password(servers.postgres, role))
        psycopg.connect(servers.postgres.url(user=role)).close()


def test_the_owner_migrates_without_being_a_superuser(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        assert connection.execute(ATTRIBUTES).fetchone() == (False,) * 5
        assert connection.execute(OWNERS).fetchall() == [(OWNER,)]


@pytest.mark.slow
def test_a_directory_of_an_earlier_version_is_upgraded_even_while_its_server_runs(
    tmp_path: Path,
) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    server.start()
    try:
        apply_migrations(server.url())
        run_sql(server.url(), "INSERT INTO nonce_memory (began_at) VALUES (now())")
        run_sql(server.url(user=SUPERUSER), *BACK_TO_AN_EARLIER_VERSION)
        (server._data / "pg_hba.conf").write_text(TRUST)
        (tmp_path / "pg" / "passwords.json").unlink()
        server.stop()
        server._process = server._launch()
        wait_until(lambda: accepts_anybody(server))

        server.start()

        assert apply_migrations(server.url()) == []
        for role in (SUPERUSER, OWNER, *LOGINS):
            assert is_rejected(without_password(server, role))
        with psycopg.connect(server.url()) as connection:
            assert connection.execute(ATTRIBUTES).fetchone() == (False,) * 5
            assert connection.execute(OWNERS).fetchall() == [(OWNER,)]
            assert connection.execute("SELECT count(*) FROM nonce_memory").fetchone() == (1,)
    finally:
        server.stop()


def test_lost_passwords_are_replaced_and_wrong_ones_are_named(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    server.start()
    try:
        before = server.url()
        file = tmp_path / "pg" / "passwords.json"
        lost = file.read_bytes()
        file.unlink()
        server.start()
        assert file.stat().st_mode & 0o777 == 0o600
        assert server.url() != before
        assert is_rejected(before)
        psycopg.connect(server.url()).close()

        file.write_bytes(lost)
        with pytest.raises(EmbeddedError, match=f"rejects the password in {file}: "):
            server.start()
        file.write_bytes(b"{")
        with pytest.raises(EmbeddedError, match=f"{file} cannot be read .* remove it"):
            server.start()
    finally:
        file.unlink()
        server.stop()


def test_passwords_are_in_no_log(servers: Servers) -> None:
    log = servers.postgres._log.read_text()
    secret = psycopg.conninfo.conninfo_to_dict(servers.postgres.url())["password"]
    assert str(secret) not in log
