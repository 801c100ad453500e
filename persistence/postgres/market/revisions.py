"""Revisions: the counters by which a worker learns that what it has cached has changed."""

from domain.changes import Revisions
from persistence.postgres.pool import Database

REVISIONS = "SELECT topic, revision FROM revisions"


async def read_revisions(database: Database) -> Revisions:
    """Return the counters as they are now."""
    rows = await database.fetch(REVISIONS)
    return Revisions(**{row["topic"]: row["revision"] for row in rows})
