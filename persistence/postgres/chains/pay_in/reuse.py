"""Addresses that are taken from orders that were never paid, under settlement's role."""

from typing import Final
from uuid import UUID

from psqlpy.exceptions import Error

from domain.chains.pay_in import PayInAccount, UnpaidAddress
from domain.chains.ports import UnpaidAddresses
from persistence.postgres.pool import Database

EXAMINED: Final = 2_000
"""How many addresses are examined at a time, in the order of their ids."""

ACCOUNT = "SELECT network, kind, public_key FROM pay_in_accounts WHERE network = $1 AND reuse"

REUSABLE = """
SELECT count(*) AS reusable FROM (
  SELECT FROM pay_in_addresses p WHERE p.network = $1 AND p.order_id IS NULL
    AND EXISTS (SELECT FROM pay_in_releases r WHERE r.address_id = p.id)
  ORDER BY p.id + 0 LIMIT $2
) AS counted
"""

UNPAID = """
WITH examined AS MATERIALIZED (
  SELECT p.id, p.order_id, p.address, p.derivation_index FROM pay_in_addresses p
  WHERE p.network = $1 AND p.id > $2 AND p.order_id IS NOT NULL AND p.tag IS NULL
  ORDER BY p.id LIMIT $3
)
SELECT id, order_id, address, derivation_index, address_release_problem(order_id) AS problem
FROM examined ORDER BY id
"""

# The trigger on releases checks all conditions, and sets the address free.
RELEASE = """
INSERT INTO pay_in_releases (order_id, address_id) VALUES ($1, $2)
ON CONFLICT (order_id) DO NOTHING RETURNING order_id
"""

NOT_REUSED = "address is not reused"
"""How the messages of that trigger begin."""


class PostgresAddressReuse:
    """AddressReuseRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reusing_account(self, network: str) -> PayInAccount | None:
        """See AddressReuseRepository."""
        row = await self._database.fetch_one(ACCOUNT, [network])
        return PayInAccount(**row) if row else None

    async def count_reusable(self, network: str, *, at_most: int) -> int:
        """See AddressReuseRepository."""
        (row,) = await self._database.fetch(REUSABLE, [network, at_most])
        return int(row["reusable"])

    async def unpaid_addresses(self, network: str, *, after: int) -> UnpaidAddresses:
        """See AddressReuseRepository."""
        rows = await self._database.fetch(UNPAID, [network, after, EXAMINED])
        unpaid = [
            UnpaidAddress(row["id"], UUID(row["order_id"]), row["address"], row["derivation_index"])
            for row in rows
            if row["problem"] is None
        ]
        return UnpaidAddresses(unpaid, rows[-1]["id"] if len(rows) == EXAMINED else 0)

    async def release(self, unpaid: UnpaidAddress) -> bool:
        """See AddressReuseRepository."""
        try:
            return bool(await self._database.fetch(RELEASE, [unpaid.order_id, unpaid.id]))
        except Error as error:
            if NOT_REUSED in str(error):
                return False
            raise
