"""Pay-in accounts, and the pool of addresses that orders are assigned from."""

from collections.abc import Mapping, Sequence

from domain.chains.pay_in import PayInAccount, PayInAddress
from domain.chains.ports import AssignedAddress, StoredAccount
from domain.errors import InvalidCommand
from persistence.postgres.pool import Database

ACCOUNTS = "SELECT network, kind, public_key, next_index FROM pay_in_accounts ORDER BY network"

LAST_ORDER = """coalesce(p.order_id, (
  SELECT r.order_id FROM pay_in_releases r WHERE r.address_id = p.id
  ORDER BY r.released_at DESC LIMIT 1))"""
"""The order that has an address `p`, or had it last if it is free."""

ADDRESS_RELEASED = "was released"
"""The message of the trigger on deposits whose order no longer has its pay-in address."""

ADD_ACCOUNT = """
INSERT INTO pay_in_accounts (network, kind, public_key) VALUES ($1, $2, $3)
ON CONFLICT (network) DO NOTHING
"""

WITHOUT_ACCOUNT = """
SELECT name FROM networks WHERE name NOT IN (SELECT network FROM pay_in_accounts) ORDER BY name
"""

NEXT_FREE = """
SELECT a.network, next.id FROM pay_in_accounts a CROSS JOIN LATERAL (
  SELECT p.id FROM pay_in_addresses p
  WHERE p.network = a.network AND p.order_id IS NULL ORDER BY p.id + 0 LIMIT 1
) AS next
"""

FREE = """
SELECT a.network, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p
    WHERE p.network = a.network AND p.order_id IS NULL ORDER BY p.id + 0 LIMIT a.at_most
  ) AS counted
) AS free
FROM unnest($1::text[], $2::bigint[]) AS a (network, at_most)
"""

# With two concurrent refills of a network the row's lock makes the second see the advanced index.
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

ASSIGNED = """
SELECT address, derivation_index FROM pay_in_addresses
WHERE network = $1 AND order_id IS NOT NULL ORDER BY derivation_index
"""


async def add_account(database: Database, account: PayInAccount) -> None:
    """Set a network's account unless it has one."""
    await database.fetch(ADD_ACCOUNT, [account.network, account.kind, account.public_key])


async def networks_without_account(database: Database) -> list[str]:
    """Return the networks without an account."""
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

    async def next_free(self) -> dict[str, int]:
        """See AddressPool."""
        return {row["network"]: row["id"] for row in await self._database.fetch(NEXT_FREE)}

    async def count_free(self, at_most: Mapping[str, int]) -> dict[str, int]:
        """See AddressPool."""
        rows = await self._database.fetch(FREE, [list(at_most), list(at_most.values())])
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


class PostgresAssignedAddresses:
    """AssignedAddresses over PostgreSQL, under the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, network: str) -> StoredAccount:
        """See AssignedAddresses."""
        row = await self._database.fetch_one(ACCOUNT, [network])
        if row is None:
            raise InvalidCommand(f"{network} has no pay-in account")
        account = PayInAccount(row["network"], row["kind"], row["public_key"])
        return StoredAccount(account, row["next_index"])

    async def assigned(self, network: str) -> Sequence[AssignedAddress]:
        """See AssignedAddresses."""
        rows = await self._database.fetch(ASSIGNED, [network])
        return [AssignedAddress(row["address"], row["derivation_index"]) for row in rows]
