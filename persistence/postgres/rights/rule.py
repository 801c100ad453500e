"""The rule that no role or function of an installation has excess rights, for whoever checks it."""

from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg

from persistence.postgres.pool import Database
from persistence.postgres.rights.catalog import excess_statement
from persistence.postgres.transport import transport_of

CONNECT_SECONDS: Final = 3


class Excess(msgspec.Struct, frozen=True):
    """A right that must not exist, as text: the database `subject` `what`.

    `logged_in` if the session logged in with this role and left it by SET ROLE. `repair` is the
    statement that revokes the right, empty if another login is needed.
    """

    subject: str
    logged_in: bool
    what: str
    repair: str

    def __str__(self) -> str:
        """Return the sentence without its end."""
        return f"The database {self.subject} {self.what}"


async def excess_rights(database: Database, *, process_role: str | None) -> Sequence[Excess]:
    """Return the excess rights of all roles and functions, the most severe first.

    With `process_role`, those of this connection's roles too, for a process that works under it.
    """
    rows = await database.fetch(excess_statement(process_role=process_role))
    return [Excess(**row) for row in rows]


def excess_rights_at(url: str, *, process_role: str) -> Sequence[Excess] | None:
    """Return the same for a new connection, or None if the database is unavailable.

    For a process that will fork: the threads of a pool would not survive it. Raises
    UnusableUrl.
    """
    transport_of(url)
    statement = excess_statement(process_role=process_role)
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            return [Excess(*row) for row in connection.execute(statement.encode()).fetchall()]
    except psycopg.Error:
        return None


def rejection_reason(found: Sequence[Excess], *, process_role: str, sandbox: bool) -> str | None:
    """Return why a process must not run with these rights, or None if it may.

    In a sandbox the login role may have more rights than the current one: no funds are at risk.
    """
    counted = [one for one in found if not (sandbox and one.logged_in)]
    if not counted:
        return None
    worst = counted[0]
    more = f" (and {len(counted) - 1} more like that)" if len(counted) > 1 else ""
    return f"{worst}{more}: no process may run like this. {advice(worst, process_role)}"


def advice(excess: Excess, process_role: str) -> str:
    """Return what to do about an excess right."""
    if excess.subject.startswith("function ") and not excess.repair:
        return "Run `swapgate migrate`, which gives it an owner with fewer rights"
    if excess.repair:
        return f"Revoke the right: {excess.repair}"
    return f"Log in as {process_role}, with the rights that `swapgate migrate` gives"
