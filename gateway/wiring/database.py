"""What a process checks or changes in its database before it starts."""

from gateway.instance import PreparationFailed, Role
from persistence.postgres.migrate import MigrationFailed, apply_migrations
from persistence.postgres.rights.rule import excess_rights_at, rejection_reason
from persistence.postgres.transport import InsecureConnection


def migrate(owner_database_url: str) -> list[str]:
    """Bring the schema up to date; return the ids of the applied migrations.

    Raises PreparationFailed.
    """
    try:
        return apply_migrations(owner_database_url)
    except MigrationFailed as error:
        raise PreparationFailed(str(error)) from error
    except InsecureConnection as error:
        raise PreparationFailed(f"SWAPGATE_DATABASE_URL cannot be used: {error}") from None


def excess_rights_problem(database_url: str, role: Role, *, sandbox: bool) -> str | None:
    """Return why a process must not start with this database and login, or None if it may.

    It must not while a role of the installation can become another, create anything, move funds or
    write the ledger, nor while a function runs with more rights than it needs. None too if the
    database is unavailable: each worker of the gateway checks again when it connects.
    """
    name = f"swapgate_{role.value}"
    try:
        found = excess_rights_at(database_url, process_role=name) or ()
    except InsecureConnection as error:
        return f"SWAPGATE_DATABASE_URL cannot be used: {error}"
    return rejection_reason(found, process_role=name, sandbox=sandbox)
