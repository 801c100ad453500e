"""Chains: processed blocks, status, connected assets, and deposits that no order can use."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.assets import Catalogue
from domain.chains.transfers import Block, ConnectedAsset, ExpectedDeposit
from domain.money import units_from
from persistence.postgres.chains.deposit_credits import PostgresDepositCredits
from persistence.postgres.chains.pay_in.pool import LAST_ORDER
from persistence.postgres.chains.unclaimed_deposits import PostgresUnclaimedDeposits
from persistence.postgres.pool import Database

MAX_BLOCKS = 500
"""How many blocks of each chain are stored: far deeper than any reorganization."""

NEWEST = """
SELECT height, hash FROM chain_blocks WHERE network = $1 ORDER BY height DESC LIMIT 1
"""

ADD = """
WITH old AS (DELETE FROM chain_blocks WHERE network = $1 AND height <= $2::bigint - $4::bigint)
INSERT INTO chain_blocks (network, height, hash) VALUES ($1, $2::bigint, $3)
ON CONFLICT (network, height) DO NOTHING
"""

DROP = "DELETE FROM chain_blocks WHERE network = $1 AND height > $2"

EXPECTED_DEPOSITS = f"""
SELECT p.address, o.id AS order_id, o.source, p.order_id IS NULL AS is_released, (
    SELECT CASE WHEN count(*) > 0 THEN
      coalesce(array_agg(e.source_amount::text) FILTER (WHERE e.source = o.source), '{{}}') END
    FROM pay_in_releases r JOIN orders e ON e.id = r.order_id
    WHERE r.address_id = p.id AND r.order_id <> o.id
  ) AS earlier
FROM pay_in_addresses p JOIN orders o ON o.id = {LAST_ORDER}
WHERE p.network = $1 AND p.address = ANY ($2::text[])
UNION ALL
SELECT r.address, NULL, NULL, false, NULL FROM retired_pay_in_addresses r
WHERE r.network = $1 AND r.address = ANY ($2::text[]) AND r.tag IS NULL
"""  # noqa: S608  a constant of ours

RETURN_ADDRESS = """
SELECT return_address(id) AS returned FROM pay_in_addresses
WHERE network = $1 AND address = $2 AND tag IS NULL
"""

UNCONFIRMED = """
SELECT o.id FROM orders o JOIN assets a ON a.code = o.source
WHERE a.network = $1 AND o.id = ANY (ARRAY(
  SELECT id FROM orders WHERE state = 'confirming'
  UNION SELECT order_id FROM deposits WHERE confirmed_at IS NULL AND NOT dropped))
ORDER BY o.updated_at
"""

CONFIRMATIONS = """
SELECT a.code, coalesce(a.confirmations, n.confirmations) AS confirmations
FROM assets a JOIN networks n ON n.name = a.network WHERE n.name = $1
"""

# An order's row is written with what the order shows (docs/decisions/0074), and before its
# deposits, as when an order is moved: statements that lock both cannot wait for each other.
RECORD_CONFIRMATIONS = """
WITH counted AS MATERIALIZED (
  SELECT c.* FROM unnest($1::text[]::uuid[], $2::text[], $3::bigint[])
    AS c (order_id, tx_id, confirmations)
  JOIN deposits d ON d.order_id = c.order_id AND d.tx_id = c.tx_id
  WHERE d.confirmed_at IS NULL AND d.confirmations <> c.confirmations
), written AS (
  UPDATE orders SET version = version WHERE id IN (SELECT order_id FROM counted) RETURNING id
)
UPDATE deposits d SET confirmations = c.confirmations
FROM counted c JOIN written w ON w.id = c.order_id
WHERE d.order_id = c.order_id AND d.tx_id = c.tx_id AND d.confirmed_at IS NULL
"""

RECORD_STATUS = """
INSERT INTO chains (network, height, alarm, followed_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (network) DO UPDATE
SET height = coalesce(EXCLUDED.height, chains.height), checked_at = now(),
  followed_until = coalesce(EXCLUDED.followed_until, chains.followed_until),
  alarm = CASE WHEN chains.halted THEN chains.alarm ELSE EXCLUDED.alarm END
"""

HALT = """
INSERT INTO chains (network, alarm, halted) VALUES ($1, $2, true)
ON CONFLICT (network) DO UPDATE SET alarm = EXCLUDED.alarm, halted = true, checked_at = now()
"""

HALTED = "SELECT halted FROM chains WHERE network = $1"

CONNECT = """
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::boolean[], $3::boolean[]) AS given (asset, receives, sends)
), gone AS (DELETE FROM connected_assets WHERE asset <> ALL ($1::text[]))
INSERT INTO connected_assets AS c (asset, receives, sends)
SELECT asset, receives, sends FROM given
ON CONFLICT (asset) DO UPDATE SET receives = EXCLUDED.receives, sends = EXCLUDED.sends
WHERE (c.receives, c.sends) <> (EXCLUDED.receives, EXCLUDED.sends)
"""


ADD_HOT_WALLET = """
INSERT INTO hot_wallets (network, address) SELECT $1, address FROM unnest($2::text[]) AS address
ON CONFLICT (network, address) DO NOTHING
"""

TEST_NETWORKS = """
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::text[]) AS given (network, test_network)
), others AS (
  UPDATE chains SET test_network = NULL
  WHERE test_network IS NOT NULL AND network <> ALL ($1::text[])
)
INSERT INTO chains AS c (network, test_network) SELECT network, test_network FROM given
ON CONFLICT (network) DO UPDATE SET test_network = EXCLUDED.test_network
WHERE c.test_network IS DISTINCT FROM EXCLUDED.test_network
"""


class PostgresChainRepository(PostgresUnclaimedDeposits, PostgresDepositCredits):
    """ChainRepository over PostgreSQL, under settlement's role."""

    def __init__(self, database: Database, catalogue: Callable[[], Catalogue]) -> None:
        self._database = database
        self._catalogue = catalogue

    async def newest_block(self, network: str) -> Block | None:
        """See ChainRepository."""
        row = await self._database.fetch_one(NEWEST, [network])
        return Block(row["height"], row["hash"]) if row else None

    async def add_block(self, network: str, block: Block) -> None:
        """See ChainRepository."""
        await self._database.fetch(ADD, [network, block.height, block.hash, MAX_BLOCKS])

    async def delete_blocks(self, network: str, *, above: int) -> None:
        """See ChainRepository."""
        await self._database.fetch(DROP, [network, above])

    async def expected_deposits(
        self, network: str, addresses: Collection[str]
    ) -> Mapping[str, ExpectedDeposit]:
        """See ChainRepository."""
        rows = await self._database.fetch(EXPECTED_DEPOSITS, [network, list(addresses)])
        return {row["address"]: self._expected(row) for row in rows}

    async def return_address(self, network: str, address: str) -> bool:
        """See ChainRepository."""
        row = await self._database.fetch_one(RETURN_ADDRESS, [network, address])
        return row is not None and bool(row["returned"])

    async def unconfirmed_orders(self, network: str) -> Sequence[UUID]:
        """See ChainRepository."""
        return [UUID(row["id"]) for row in await self._database.fetch(UNCONFIRMED, [network])]

    async def required_confirmations(self, network: str) -> Mapping[str, int]:
        """See ChainRepository."""
        rows = await self._database.fetch(CONFIRMATIONS, [network])
        return {row["code"]: row["confirmations"] for row in rows}

    async def record_confirmations(self, counted: Mapping[tuple[UUID, str], int]) -> None:
        """See ChainRepository."""
        rows = sorted(counted.items())
        parameters = [
            [str(order_id) for (order_id, _), _ in rows],
            [tx_id for (_, tx_id), _ in rows],
            [number for _, number in rows],
        ]
        await self._database.fetch(RECORD_CONFIRMATIONS, parameters)

    async def set_connected(self, assets: Sequence[ConnectedAsset]) -> None:
        """See ChainRepository."""
        codes = [one.code for one in assets]
        directions = [[one.receives for one in assets], [one.sends for one in assets]]
        await self._database.fetch(CONNECT, [codes, *directions])

    async def add_hot_wallet(self, network: str, addresses: Collection[str]) -> None:
        """See ChainRepository."""
        await self._database.fetch(ADD_HOT_WALLET, [network, list(addresses)])

    async def set_test_networks(self, test_networks: Mapping[str, str]) -> None:
        """See ChainRepository."""
        given = [list(test_networks), list(test_networks.values())]
        await self._database.fetch(TEST_NETWORKS, given)

    async def record_status(
        self,
        network: str,
        *,
        height: int | None,
        alarm: str | None,
        followed_until: datetime | None,
    ) -> None:
        """See ChainRepository."""
        await self._database.fetch(RECORD_STATUS, [network, height, alarm, followed_until])

    async def halt(self, network: str, alarm: str) -> None:
        """See ChainRepository."""
        await self._database.fetch(HALT, [network, alarm])

    async def is_halted(self, network: str) -> bool:
        """See ChainRepository."""
        row = await self._database.fetch_one(HALTED, [network])
        return row is not None and bool(row["halted"])

    def _expected(self, row: dict[str, Any]) -> ExpectedDeposit:
        earlier = row["earlier"]
        if earlier is not None:
            precision = self._catalogue().assets[row["source"]].precision
            earlier = frozenset(units_from(one, precision) for one in earlier)
        return ExpectedDeposit(
            None if row["order_id"] is None else UUID(row["order_id"]),
            row["source"],
            is_released=row["is_released"],
            earlier_amounts=earlier,
        )
