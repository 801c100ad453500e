"""A restored database and its pay-in addresses, with the operator's role."""

from collections.abc import Sequence
from typing import Final

import msgspec

from domain.actions.operator.settlement.restored import DAY, IssueRate
from domain.chains.pay_in import PayInAddress
from domain.chains.ports import StoredAccount
from domain.history import Marker
from domain.ids import first_id_at
from persistence.postgres.chains.pay_in.pool import PostgresAddressPool
from persistence.postgres.history import history_problem
from persistence.postgres.pool import Database

RETIRED_AT_ONCE: Final = 2_000

ISSUED = "SELECT issued_marker()::text AS marker"

LOST = "SELECT lost_since($1::text::jsonb) AS lost"

NEWEST = "SELECT created_at FROM orders ORDER BY id DESC LIMIT 1"

RATE = """
SELECT a.network, count(*) AS orders FROM orders o JOIN assets a ON a.code = o.source
WHERE o.id >= $1::text::uuid GROUP BY a.network
"""

FREE = """
SELECT count(*) AS free FROM pay_in_addresses WHERE network = $1 AND order_id IS NULL
"""

HOLD = "SELECT hold_database($1)"

ACCEPT = "SELECT accept_database()"

SKIP = """
WITH advanced AS (
  UPDATE pay_in_accounts SET next_index = $5
  WHERE network = $1 AND next_index = $6
  RETURNING network
), skipped AS (
  INSERT INTO retired_pay_in_addresses (network, address, tag, derivation_index)
  SELECT advanced.network, made.address, made.tag, made.derivation_index
  FROM advanced, unnest($2::text[], $3::text[], $4::bigint[])
    AS made (address, tag, derivation_index)
  WHERE NOT EXISTS (
    SELECT FROM pay_in_addresses p
    WHERE p.network = advanced.network AND p.address = made.address
      AND p.tag IS NOT DISTINCT FROM made.tag)
  ON CONFLICT DO NOTHING
)
SELECT network FROM advanced
"""

# An address that an order gets at this moment is no longer free, and stays.
RETIRE_FREE = """
WITH retired AS (
  DELETE FROM pay_in_addresses WHERE order_id IS NULL AND id = ANY (ARRAY(
    SELECT p.id FROM pay_in_addresses p
    WHERE p.network = $1 AND p.order_id IS NULL ORDER BY p.id + 0 LIMIT $2))
  RETURNING network, address, tag, derivation_index
)
INSERT INTO retired_pay_in_addresses (network, address, tag, derivation_index)
SELECT network, address, tag, derivation_index FROM retired
RETURNING network
"""

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Marker)


class PostgresRestoredDatabase:
    """RestoredDatabaseRepository over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = PostgresAddressPool(database)

    async def problem(self) -> str | None:
        """See RestoredDatabaseRepository."""
        return await history_problem(self._database)

    async def issued(self) -> Marker | None:
        """See RestoredDatabaseRepository."""
        (row,) = await self._database.fetch(ISSUED)
        return None if row["marker"] is None else _decoder.decode(row["marker"])

    async def lost_since(self, marker: Marker) -> str | None:
        """See RestoredDatabaseRepository."""
        (row,) = await self._database.fetch(LOST, [_encode(marker).decode()])
        lost: str | None = row["lost"]
        return lost

    async def issue_rate(self) -> IssueRate:
        """See RestoredDatabaseRepository."""
        newest = await self._database.fetch_one(NEWEST)
        if newest is None:
            return IssueRate(None, {})
        since = str(first_id_at(newest["created_at"] - DAY))
        rows = await self._database.fetch(RATE, [since])
        return IssueRate(newest["created_at"], {row["network"]: row["orders"] for row in rows})

    async def accounts(self) -> Sequence[StoredAccount]:
        """See RestoredDatabaseRepository."""
        return await self._pool.accounts()

    async def free(self, network: str) -> int:
        """See RestoredDatabaseRepository."""
        (row,) = await self._database.fetch(FREE, [network])
        return int(row["free"])

    async def hold(self, reason: str) -> None:
        """See RestoredDatabaseRepository."""
        await self._database.fetch(HOLD, [reason])

    async def skip(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, next_index: int
    ) -> bool:
        """See RestoredDatabaseRepository."""
        columns = [
            [made.address for made in addresses],
            [made.tag for made in addresses],
            [made.index for made in addresses],
        ]
        parameters = [stored.account.network, *columns, next_index, stored.next_index]
        return bool(await self._database.fetch(SKIP, parameters))

    async def retire_free(self, network: str) -> int:
        """See RestoredDatabaseRepository."""
        return len(await self._database.fetch(RETIRE_FREE, [network, RETIRED_AT_ONCE]))

    async def accept(self) -> None:
        """See RestoredDatabaseRepository."""
        await self._database.fetch(ACCEPT)
