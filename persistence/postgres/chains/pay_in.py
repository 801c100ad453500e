"""Pay-in accounts and the pool of addresses that orders take theirs from."""

from collections.abc import Sequence

from domain.chains.pay_in import PayInAccount, PayInAddress
from domain.chains.ports import StoredAccount
from domain.errors import InvalidRequest
from persistence.postgres.pool import Database

ACCOUNTS = "SELECT network, kind, public_key, next_index FROM pay_in_accounts ORDER BY network"

ADD_ACCOUNT = """
INSERT INTO pay_in_accounts (network, kind, public_key) VALUES ($1, $2, $3)
ON CONFLICT (network) DO NOTHING
"""

WITHOUT_ACCOUNT = """
SELECT name FROM networks WHERE name NOT IN (SELECT network FROM pay_in_accounts) ORDER BY name
"""

FREE = """
SELECT a.network, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p
    WHERE p.network = a.network AND p.order_id IS NULL ORDER BY p.id + 0 LIMIT $1
  ) AS counted
) AS free
FROM pay_in_accounts a
"""

# Two refills of one network at once: the row's lock lets the second see that the index has moved.
ADD_ADDRESSES = """
WITH advanced AS (
  UPDATE pay_in_accounts SET next_index = next_index + $5
  WHERE network = $1 AND next_index = $6
  RETURNING network
)
INSERT INTO pay_in_addresses (network, address, tag, derivation_index)
SELECT advanced.network, made.address, made.tag, made.derivation_index
FROM advanced, unnest($2::text[], $3::text[], $4::bigint[]) AS made (address, tag, derivation_index)
ON CONFLICT DO NOTHING
RETURNING id
"""

ACCOUNT = """
SELECT network, kind, public_key, next_index FROM pay_in_accounts WHERE network = $1
"""

GIVEN = """
SELECT address, derivation_index FROM pay_in_addresses
WHERE network = $1 AND order_id IS NOT NULL ORDER BY derivation_index
"""


async def add_account(database: Database, account: PayInAccount) -> None:
    """Store a network's account unless it has one."""
    await database.fetch(ADD_ACCOUNT, [account.network, account.kind, account.public_key])


async def networks_without_account(database: Database) -> list[str]:
    """Return the networks that can't be deposited to yet."""
    return [row["name"] for row in await database.fetch(WITHOUT_ACCOUNT)]


class PostgresAddressPool:
    """AddressPool over PostgreSQL, under settlement's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self) -> list[StoredAccount]:
        """See AddressPool."""
        return [
            StoredAccount(
                PayInAccount(row["network"], row["kind"], row["public_key"]), row["next_index"]
            )
            for row in await self._database.fetch(ACCOUNTS)
        ]

    async def count_free(self, *, at_most: int) -> dict[str, int]:
        """See AddressPool."""
        rows = await self._database.fetch(FREE, [at_most])
        return {row["network"]: row["free"] for row in rows}

    async def add(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, indices: int
    ) -> int:
        """See AddressPool."""
        rows = await self._database.fetch(
            ADD_ADDRESSES,
            [
                stored.account.network,
                [made.address for made in addresses],
                [made.tag for made in addresses],
                [made.index for made in addresses],
                indices,
                stored.next_index,
            ],
        )
        return len(rows)


async def read_account(database: Database, network: str) -> StoredAccount:
    """Return a network's account; raise InvalidRequest where it has none."""
    row = await database.fetch_one(ACCOUNT, [network])
    if row is None:
        raise InvalidRequest(f"{network} has no pay-in account")
    account = PayInAccount(row["network"], row["kind"], row["public_key"])
    return StoredAccount(account, row["next_index"])


async def given_addresses(database: Database, network: str) -> Sequence[tuple[str, int]]:
    """Return the addresses of a network that orders have, each with its index."""
    rows = await database.fetch(GIVEN, [network])
    return [(row["address"], row["derivation_index"]) for row in rows]
