"""Addresses of this installation, looked up for many callers in one statement at a time."""

from collections.abc import Collection, Sequence
from typing import Final

from persistence.postgres.batcher import Batcher
from persistence.postgres.pool import Database

FIND: Final = """
SELECT DISTINCT w.number FROM unnest($1::bigint[], $2::text[], $3::text[])
  AS w (number, network, address)
WHERE EXISTS (
  SELECT FROM pay_in_addresses p WHERE p.network = w.network AND p.address = w.address)
  OR EXISTS (
    SELECT FROM retired_pay_in_addresses r WHERE r.network = w.network AND r.address = w.address)
  OR EXISTS (SELECT FROM hot_wallets h WHERE h.network = w.network AND h.address = w.address)
"""

MAX_PER_STATEMENT: Final = 64

Lookup = tuple[str, Collection[str]]


class PostgresOwnAddresses:
    """OwnAddresses over PostgreSQL: unsigned callers may use one connection, and no more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lookups: Batcher[Lookup, bool] = Batcher(
            self._find, batch_size=MAX_PER_STATEMENT, concurrency=1
        )

    async def includes_any(self, network: str, addresses: Collection[str]) -> bool:
        """See OwnAddresses."""
        return await self._lookups.submit((network, addresses))

    async def _find(self, lookups: Sequence[Lookup]) -> Sequence[bool]:
        rows = [
            (number, network, address)
            for number, (network, addresses) in enumerate(lookups)
            for address in addresses
        ]
        numbers, networks, addresses = (list(column) for column in zip(*rows, strict=True))
        found = await self._database.fetch(FIND, [numbers, networks, addresses])
        own = {row["number"] for row in found}
        return [number in own for number in range(len(lookups))]
