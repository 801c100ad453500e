"""The trace of the call that created an order."""

from uuid import UUID

from persistence.postgres.pool import Database

READ = "SELECT traceparent FROM orders WHERE id = $1"


async def read_traceparent(database: Database, order_id: UUID) -> str | None:
    """Return the `traceparent` of an order; None for an order without, or an unknown one."""
    row = await database.fetch_one(READ, [order_id])
    return row["traceparent"] if row else None
