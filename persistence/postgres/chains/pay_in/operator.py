"""The operator's view of pay-in accounts and imported pools."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain.chains.pay_in import IMPORTED, PayInAccount
from domain.chains.ports import StoredAccount
from domain.errors import InvalidCommand
from persistence.postgres.chains.pay_in.pool import PostgresAddressPool
from persistence.postgres.market.sandbox import is_sandbox
from persistence.postgres.pool import Database

KIND = "SELECT kind FROM pay_in_accounts WHERE network = $1"

# A new account takes no addresses over from the orders of the one before.
STOP_REUSE = """
SELECT set_address_reuse(network, false) FROM pay_in_accounts
WHERE network = $1 AND (kind, public_key) <> ($2, $3)
"""

SET_REUSE = "SELECT set_address_reuse($1, $2) AS known"

REUSING = "SELECT network FROM pay_in_accounts WHERE reuse ORDER BY network"

IS_FOLLOWED = """
SELECT EXISTS (
  SELECT FROM connected_assets c JOIN assets a ON a.code = c.asset
  WHERE a.network = $1 AND c.receives
) AS known
"""

# Free addresses of the previous account are dropped with it: no order has them.
REPLACE_ACCOUNT = """
WITH before AS (
  DELETE FROM pay_in_addresses WHERE network = $1 AND order_id IS NULL AND EXISTS (
    SELECT FROM pay_in_accounts WHERE network = $1 AND (kind, public_key) <> ($2, $3))
)
INSERT INTO pay_in_accounts AS a (network, kind, public_key) VALUES ($1, $2, $3)
ON CONFLICT (network) DO UPDATE SET kind = $2, public_key = $3,
  next_index = CASE WHEN (a.kind, a.public_key) = ($2, $3) THEN a.next_index ELSE 0 END
"""

IMPORT = """
WITH known AS (
  SELECT made.address FROM unnest($3::text[], $4::text[]) AS made (address, spelling)
  JOIN pay_in_addresses p ON p.network = $1 AND p.address = made.spelling
), pool AS (
  INSERT INTO pay_in_accounts AS a (network, kind, public_key, next_index)
  VALUES ($1, 'imported', '', cardinality($2::text[]))
  ON CONFLICT (network) DO UPDATE SET next_index = a.next_index + cardinality($2::text[])
  WHERE a.kind = 'imported'
  RETURNING network, next_index - cardinality($2::text[]) AS start
)
INSERT INTO pay_in_addresses (network, address, derivation_index)
SELECT pool.network, made.address, pool.start + made.position - 1
FROM pool, unnest($2::text[]) WITH ORDINALITY AS made (address, position)
WHERE made.address NOT IN (SELECT address FROM known)
ON CONFLICT DO NOTHING
RETURNING id
"""

RETIRE = """
INSERT INTO retired_pay_in_addresses (network, address, derivation_index)
SELECT $1, made.address, made.position - 1
FROM unnest($2::text[]) WITH ORDINALITY AS made (address, position)
WHERE NOT EXISTS (
  SELECT FROM unnest($3::text[], $4::text[]) AS spelled (address, spelling)
  JOIN pay_in_addresses p ON p.network = $1 AND p.address = spelled.spelling
  WHERE spelled.address = made.address)
ON CONFLICT DO NOTHING
RETURNING address
"""


class PostgresOperatorPayInRepository:
    """OperatorPayInRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = PostgresAddressPool(database)

    async def accounts(self) -> Sequence[StoredAccount]:
        """See OperatorPayInRepository."""
        return await self._pool.accounts()

    async def count_free(self, *, at_most: int) -> dict[str, int]:
        """See OperatorPayInRepository."""
        networks = [stored.account.network for stored in await self._pool.accounts()]
        return await self._pool.count_free(dict.fromkeys(networks, at_most))

    async def is_sandbox(self) -> bool:
        """See OperatorPayInRepository."""
        return await is_sandbox(self._database)

    async def replace_account(self, account: PayInAccount) -> None:
        """See OperatorPayInRepository."""
        row = await self._database.fetch_one(KIND, [account.network])
        if row is not None and row["kind"] == IMPORTED:
            raise InvalidCommand(f"{account.network} has an imported pool")
        parameters = [account.network, account.kind, account.public_key]
        await self._database.fetch(STOP_REUSE, parameters)
        await self._database.fetch(REPLACE_ACCOUNT, parameters)

    async def reusing(self) -> Collection[str]:
        """See OperatorPayInRepository."""
        return {row["network"] for row in await self._database.fetch(REUSING)}

    async def set_reuse(self, network: str, *, allowed: bool) -> bool:
        """See OperatorPayInRepository."""
        (row,) = await self._database.fetch(SET_REUSE, [network, allowed])
        return bool(row["known"])

    async def is_followed(self, network: str) -> bool:
        """See OperatorPayInRepository."""
        (row,) = await self._database.fetch(IS_FOLLOWED, [network])
        return bool(row["known"])

    async def import_addresses(self, network: str, addresses: Mapping[str, Collection[str]]) -> int:
        """See OperatorPayInRepository."""
        row = await self._database.fetch_one(KIND, [network])
        if row is not None and row["kind"] != IMPORTED:
            raise InvalidCommand(f"the addresses of {network} are derived from its account")
        return len(await self._database.fetch(IMPORT, _spelled(network, addresses)))

    async def retire_addresses(self, network: str, addresses: Mapping[str, Collection[str]]) -> int:
        """See OperatorPayInRepository."""
        return len(await self._database.fetch(RETIRE, _spelled(network, addresses)))


def _spelled(network: str, addresses: Mapping[str, Collection[str]]) -> list[Any]:
    """Return the parameters of both statements: the addresses, and each text for one of them."""
    pairs = [(one, text) for one, texts in addresses.items() for text in texts]
    spelled = [list(column) for column in zip(*pairs, strict=True)] or [[], []]
    return [network, list(addresses), *spelled]
