"""The operator's view of chains: their status, unclaimed deposits and confirmations."""

from collections.abc import Sequence

from domain.actions.operator.chains import (
    ChainStatus,
    Confirmations,
    NetworkLeader,
    UnclaimedDeposit,
    UnconnectedAsset,
)
from domain.errors import NotFound
from persistence.postgres.pool import Database

CHAINS = """
SELECT network, height, alarm, halted, checked_at, test_network, followed_until
FROM chains ORDER BY network
"""

LEADERS = """
SELECT network, holder, expires_at, expires_at > clock_timestamp() AS leads
FROM settlement_leases ORDER BY network
"""

# Enabled assets that are not connected both ways, and whether an order with a deposit needs them.
UNCONNECTED = """
SELECT a.code, a.network, EXISTS (
    SELECT FROM orders o WHERE is_open(o.state) AND o.state <> 'awaiting_deposit'
      AND (o.destination = a.code AND NOT coalesce(c.sends, false)
        OR o.source = a.code AND NOT coalesce(c.receives, false))) AS waited_for
FROM assets a LEFT JOIN connected_assets c ON c.asset = a.code
WHERE NOT (SELECT sandbox FROM operator_settings) AND a.enabled
  AND NOT (coalesce(c.receives, false) AND coalesce(c.sends, false))
ORDER BY a.position
"""

RESUME = """
UPDATE chains SET halted = false, alarm = NULL WHERE lower(network) = lower($1) RETURNING network
"""

UNCLAIMED = """
SELECT network, tx_id, address, asset, amount::text AS amount, order_id::text AS order_id, seen_at
FROM unclaimed_deposits WHERE NOT dropped ORDER BY seen_at DESC LIMIT $1
"""

CONFIRMATIONS = """
SELECT a.confirmations AS own, n.confirmations AS of_network
FROM assets a JOIN networks n ON n.name = a.network WHERE a.code = $1
"""

SET_CONFIRMATIONS = "UPDATE assets SET confirmations = $2 WHERE code = $1 RETURNING code"


class PostgresOperatorChainRepository:
    """OperatorChainRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def chains(self) -> Sequence[ChainStatus]:
        """See OperatorChainRepository."""
        return [ChainStatus(**row) for row in await self._database.fetch(CHAINS)]

    async def leaders(self) -> Sequence[NetworkLeader]:
        """See OperatorChainRepository."""
        return [NetworkLeader(**row) for row in await self._database.fetch(LEADERS)]

    async def unconnected(self) -> Sequence[UnconnectedAsset]:
        """See OperatorChainRepository."""
        return [UnconnectedAsset(**row) for row in await self._database.fetch(UNCONNECTED)]

    async def resume(self, network: str) -> str:
        """See OperatorChainRepository."""
        row = await self._database.fetch_one(RESUME, [network])
        if row is None:
            raise NotFound(f"no chain {network} is connected")
        return str(row["network"])

    async def unclaimed(self, *, limit: int) -> Sequence[UnclaimedDeposit]:
        """See OperatorChainRepository."""
        return [UnclaimedDeposit(**row) for row in await self._database.fetch(UNCLAIMED, [limit])]

    async def confirmations(self, asset: str) -> Confirmations:
        """See OperatorChainRepository."""
        row = await self._database.fetch_one(CONFIRMATIONS, [asset])
        if row is None:
            raise NotFound(f"there is no asset {asset}")
        return Confirmations(**row)

    async def set_confirmations(self, asset: str, confirmations: int | None) -> None:
        """See OperatorChainRepository."""
        if await self._database.fetch_one(SET_CONFIRMATIONS, [asset, confirmations]) is None:
            raise NotFound(f"there is no asset {asset}")
