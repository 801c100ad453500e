"""Who may connect to the embedded PostgreSQL: passwords, pg_hba.conf, roles and owners.

All processes run as one user of the operating system, so its identity distinguishes nothing: each
role has a password of its own, which only the processes that work under the role receive.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from persistence.embedded.errors import EmbeddedError
from persistence.embedded.passwords import read_passwords
from persistence.postgres.rights.logins import (
    allow_login,
    create_role,
    grant_function_owners,
    missing_roles,
)
from persistence.postgres.rights.roles import FUNCTION_OWNERS, LOGINS

SUPERUSER: Final = "postgres"
OWNER: Final = "swapgate_owner"

PG_HBA: Final = """\
# Written by swapgate at each start. The passwords of its roles are in ../passwords.json.
local all all scram-sha-256
host all all all reject
"""

_ITERATIONS: Final = "SET scram_iterations = 1"
"""Nobody guesses random passwords of 256 bits: more iterations would only slow connecting down."""

_OWNER_OF_DATABASE: Final = """
SELECT datdba::regrole::text FROM pg_database WHERE datname = %s
"""

_OBJECTS_OF_SUPERUSER: Final = """
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
  c.oid::regclass::text
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = 10
  AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')
      AND d.classid = 'pg_class'::regclass AND c.relkind = 'S')
UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = 10
"""
"""Role 10 is the one that initdb creates. A sequence of a column follows its table."""


def known_passwords(path: Path) -> Mapping[str, str]:
    """Return the password of each role; empty without the file. Raises EmbeddedError."""
    try:
        return read_passwords(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error}): remove it, and PostgreSQL's roles get new passwords"
        ) from None


def new_passwords() -> dict[str, str]:
    """Return new passwords of all roles that log in."""
    return {role: secrets.token_urlsafe(32) for role in (SUPERUSER, OWNER, *LOGINS)}


def ensure_roles(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Create missing roles, and give those that log in their passwords.

    The owner of the database is no superuser: it is a member of the owners of functions, as it
    creates these, and has no other right.
    """
    for role in missing_roles(connection, [*passwords, *FUNCTION_OWNERS]):
        connection.execute(create_role(role))
    connection.execute(grant_function_owners(OWNER))
    connection.execute(_ITERATIONS)
    for role, password in passwords.items():
        connection.execute(allow_login(connection, role, password))


def owner_of(connection: psycopg.Connection, database: str) -> str | None:
    """Return the owner of a database; None if it does not exist."""
    found = connection.execute(_OWNER_OF_DATABASE, [database]).fetchone()
    return found[0] if found else None


def give_to_owner(connection: psycopg.Connection, database: str) -> None:
    """Give what the superuser owns in this database, and the database itself, to OWNER.

    In earlier versions the superuser migrated the schema.
    """
    owner = sql.Identifier(OWNER)
    with connection.transaction():
        for kind, name in connection.execute(_OBJECTS_OF_SUPERUSER).fetchall():
            connection.execute(
                sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(name), owner)
            )
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), owner)
        )
