"""Pay-in accounts and the pool of addresses that orders take theirs from."""

from collections.abc import Sequence

import msgspec

from persistence.postgres.pool import Database

ACCOUNTS = "SELECT network, kind, public_key, next_index FROM pay_in_accounts ORDER BY network"

ADD_ACCOUNT = """
INSERT INTO pay_in_accounts (network, kind, public_key) VALUES ($1, $2, $3)
ON CONFLICT (network) DO NOTHING
"""

FREE = """
SELECT a.network, (
  SELECT count(*) FROM (
    SELECT FROM pay_in_addresses p
    WHERE p.network = a.network AND p.order_id IS NULL LIMIT $1
  ) AS some
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


class Account(msgspec.Struct, frozen=True):
    """A network's account: the public key its addresses come from, and the next index."""

    network: str
    kind: str
    public_key: str
    next_index: int


class Address(msgspec.Struct, frozen=True):
    """A pay-in address; `tag` where all orders of the network share one address."""

    address: str
    tag: str | None
    index: int


async def read_accounts(database: Database) -> list[Account]:
    """Return all accounts."""
    return [Account(**row) for row in await database.fetch(ACCOUNTS)]


async def add_account(database: Database, *, network: str, kind: str, public_key: str) -> None:
    """Store a network's account unless it has one."""
    await database.fetch(ADD_ACCOUNT, [network, kind, public_key])


async def count_free(database: Database, *, at_most: int) -> dict[str, int]:
    """Return how many addresses are free by network, counting no further than `at_most`."""
    rows = await database.fetch(FREE, [at_most])
    return {row["network"]: row["free"] for row in rows}


async def add_addresses(
    database: Database, account: Account, addresses: Sequence[Address], *, indices: int
) -> int:
    """Add addresses made from `account` and move its index on by `indices`; return how many."""
    rows = await database.fetch(
        ADD_ADDRESSES,
        [
            account.network,
            [made.address for made in addresses],
            [made.tag for made in addresses],
            [made.index for made in addresses],
            indices,
            account.next_index,
        ],
    )
    return len(rows)
