"""What a process checks or changes in its database before it starts."""

from gateway.instance import PreparationFailed
from persistence.postgres.migrate import MigrationFailed, apply_migrations
from persistence.postgres.rights import excess_rights_at, rejection_reason


def migrate(owner_database_url: str) -> list[str]:
    """Bring the schema up to date; return the ids of the applied migrations.

    Raises PreparationFailed.
    """
    try:
        return apply_migrations(owner_database_url)
    except MigrationFailed as error:
        raise PreparationFailed(str(error)) from error


def excess_rights_problem(database_url: str, *, sandbox: bool) -> str | None:
    """Return why a gateway must not use this database role, or None if it may.

    A role that can move funds or write the ledger is rejected. None too if the database is
    unavailable: each worker checks again when it connects.
    """
    return rejection_reason(excess_rights_at(database_url) or (), sandbox=sandbox)
