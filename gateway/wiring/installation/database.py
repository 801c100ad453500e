"""The roles of an installation on a PostgreSQL server of the operator's own."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import errors, sql

from gateway.instance import PreparationFailed
from gateway.wiring.installation.files import with_login
from persistence.postgres.hosts import UnusableUrl
from persistence.postgres.rights.logins import (
    FoundRoles,
    allow_login,
    find_roles,
    preparing_statements,
)
from persistence.postgres.rights.roles import LOGINS
from persistence.postgres.transport import transport_of

CONNECT_SECONDS: Final = 5
NOT_PERMITTED: Final = (errors.InsufficientPrivilege, errors.UndefinedObject)
"""The second follows from a role that could not be created."""


class RolesPlan(msgspec.Struct, frozen=True):
    """What the server has, and which roles get a new password."""

    found: FoundRoles
    without_password: Collection[str]


def plan_roles(url: str, known: Collection[str], *, new_passwords: bool) -> RolesPlan:
    """Return what has to be done. `known` are the roles whose password is known.

    Raises PreparationFailed if a role's password is known to nobody, or the login is not the
    owner's.
    """
    with _connected(url) as connection:
        found = find_roles(connection)
    if found.owner != found.connected_as:
        raise PreparationFailed(
            f"the database {found.database} belongs to {found.owner}: the URL has to be of that "
            f"login, not of {found.connected_as}"
        )
    unknown = [role for role in found.with_login if role not in known]
    if unknown and not new_passwords:
        raise PreparationFailed(
            f"no settings file has the password of {', '.join(unknown)}: restore the file, or use "
            "--new-passwords, which replaces the passwords of all logins"
        )
    return RolesPlan(
        found,
        [role for role in LOGINS if new_passwords or role not in found.with_login],
    )


def shown_statements(plan: RolesPlan, url: str) -> list[str]:
    """Return the statements that create what is missing, without passwords."""
    with _connected(url) as connection:
        return [one.as_string(connection) for one in preparing_statements(plan.found)]


def create_roles(plan: RolesPlan, url: str, passwords: Mapping[str, str]) -> list[str]:
    """Create what is missing; return the statements that the owner may not execute."""
    with _connected(url) as connection:
        statements = [
            *preparing_statements(plan.found),
            *(allow_login(connection, role, passwords[role]) for role in plan.without_password),
        ]
        return [one.as_string(connection) for one in statements if not _execute(connection, one)]


def check_logins(url: str, passwords: Mapping[str, str]) -> None:
    """Raise PreparationFailed unless each login reaches the database with its password."""
    for role in LOGINS:
        try:
            with psycopg.connect(
                with_login(url, role, passwords[role]), connect_timeout=CONNECT_SECONDS
            ):
                pass
        except psycopg.Error as error:
            raise PreparationFailed(
                f"{role} cannot log in with the password of its settings file ({_gist(error)}): "
                "see pg_hba.conf, or use --new-passwords"
            ) from None


def _execute(connection: psycopg.Connection, statement: sql.Composed) -> bool:
    try:
        connection.execute(statement)
    except NOT_PERMITTED:
        return False
    return True


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        transport_of(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            yield connection
    except UnusableUrl as error:
        raise PreparationFailed(f"the URL of the database cannot be used: {error}") from None
    except psycopg.Error as error:
        raise PreparationFailed(f"PostgreSQL: {_gist(error)}") from None


def _gist(error: psycopg.Error) -> str:
    """Return the last part of a message, which has no parts of a URL."""
    return str(error).strip().rpartition("FATAL:")[2].strip() or type(error).__name__
