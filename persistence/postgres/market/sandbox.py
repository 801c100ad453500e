"""Whether a database belongs to a sandbox, which it does from the start or never."""

from persistence.postgres.pool import Database

# Not once a pay-in address may have been shown to a customer.
BECOME_SANDBOX = """
UPDATE operator_settings SET sandbox = true
WHERE NOT EXISTS (SELECT FROM pay_in_accounts) AND NOT EXISTS (SELECT FROM orders)
"""

IS_SANDBOX = "SELECT sandbox FROM operator_settings"


async def become_sandbox(database: Database) -> None:
    """Make a new database a sandbox; one that is in use stays what it is."""
    await database.fetch(BECOME_SANDBOX)


async def is_sandbox(database: Database) -> bool:
    """Return whether the database is a sandbox."""
    (row,) = await database.fetch(IS_SANDBOX)
    return bool(row["sandbox"])
