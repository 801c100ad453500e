"""The statements that create the roles of an installation, on the embedded server and on others."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from persistence.postgres.rights.roles import FUNCTION_OWNERS, LOGINS

_MISSING: Final = "SELECT name FROM unnest(%s::text[]) AS name EXCEPT SELECT rolname FROM pg_roles"

_DATABASE: Final = """
SELECT current_database()::text, datdba::regrole::text, current_user::text,
  r.rolsuper OR r.rolcreaterole
FROM pg_database d JOIN pg_roles r ON r.rolname = current_user WHERE datname = current_database()
"""

_LOGINS: Final = "SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname = ANY (%s)"

_NOT_A_MEMBER: Final = """
SELECT rolname::text FROM pg_roles
WHERE rolname = ANY (%s) AND NOT pg_has_role(%s, oid, 'USAGE')
"""

_CANNOT_CONNECT: Final = """
SELECT rolname::text FROM pg_roles
WHERE rolname = ANY (%s) AND NOT has_database_privilege(oid, current_database(), 'CONNECT')
"""


class FoundRoles(msgspec.Struct, frozen=True):
    """What a server has of an installation's roles, as seen from its database."""

    database: str
    owner: str
    connected_as: str
    may_create: bool
    missing: Collection[str]
    with_login: Collection[str]
    """Those of LOGINS that may log in; roles without that right have no password to lose."""
    owner_lacks: Collection[str]
    """Owners of functions whose rights the owner of the database does not have."""
    cannot_connect: Collection[str]


def find_roles(connection: psycopg.Connection) -> FoundRoles:
    """Return what the server has."""
    row = connection.execute(_DATABASE).fetchone()
    assert row is not None  # noqa: S101  the database that we are connected to
    database, owner, connected_as, may_create = row
    owners, logins = list(FUNCTION_OWNERS), list(LOGINS)

    def names(statement: str, *parameters: object) -> list[str]:
        return [name for (name,) in connection.execute(statement.encode(), parameters)]

    return FoundRoles(
        database=database,
        owner=owner,
        connected_as=connected_as,
        may_create=may_create,
        missing=missing_roles(connection, [*logins, *owners]),
        with_login=names(_LOGINS, logins),
        owner_lacks=names(_NOT_A_MEMBER, owners, owner),
        cannot_connect=names(_CANNOT_CONNECT, logins),
    )


def missing_roles(connection: psycopg.Connection, wanted: Sequence[str]) -> list[str]:
    """Return which of these roles do not exist, in their order."""
    missing = {name for (name,) in connection.execute(_MISSING, [list(wanted)])}
    return [name for name in wanted if name in missing]


def create_role(role: str) -> sql.Composed:
    """Return the statement that creates a role which cannot log in yet."""
    return sql.SQL("CREATE ROLE {}").format(sql.Identifier(role))


def allow_login(connection: psycopg.Connection, role: str, password: str) -> sql.Composed:
    """Return the statement that lets a role log in with this password.

    It contains the verifier that the server stores, from which nobody learns a random password.
    """
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    return sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(verifier)
    )


def grant_function_owners(owner: str, roles: Collection[str] = FUNCTION_OWNERS) -> sql.Composed:
    """Return the statement that lets the owner of the database give functions to these roles."""
    return sql.SQL("GRANT {} TO {}").format(
        sql.SQL(", ").join(map(sql.Identifier, roles)), sql.Identifier(owner)
    )


def preparing_statements(found: FoundRoles) -> list[sql.Composed]:
    """Return the statements that create what is missing, except passwords."""
    created = [create_role(role) for role in found.missing]
    lacking = [role for role in FUNCTION_OWNERS if role in {*found.missing, *found.owner_lacks}]
    if lacking:
        created.append(grant_function_owners(found.owner, lacking))
    if found.cannot_connect:
        created.append(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                sql.Identifier(found.database),
                sql.SQL(", ").join(map(sql.Identifier, found.cannot_connect)),
            )
        )
    return created
