"""Deposits that no order can use, under settlement's role."""

from collections.abc import Callable, Sequence
from uuid import UUID

from psqlpy.exceptions import Error

from domain.assets import Catalogue
from domain.chains.transfers import Transfer
from domain.errors import Unavailable
from domain.money import format_units, units_from
from persistence.postgres.chains.pay_in.pool import ADDRESS_RELEASED
from persistence.postgres.pool import Database

ADD = """
INSERT INTO unclaimed_deposits AS u (network, tx_id, address, asset, amount, order_id)
VALUES ($1, $2, $3, $4, $5::text::numeric, $6)
ON CONFLICT (network, tx_id, address, asset) DO UPDATE
SET dropped = false, confirmed_at = NULL, seen_at = now(), amount = EXCLUDED.amount
WHERE u.dropped
"""

IS_UNCLAIMED = """
SELECT EXISTS (
  SELECT FROM unclaimed_deposits WHERE (network, tx_id, address, asset) = ($1, $2, $3, $4)
) AS known
"""

UNCONFIRMED = """
SELECT tx_id, address, asset, amount::text AS amount FROM unclaimed_deposits
WHERE network = $1 AND confirmed_at IS NULL AND NOT dropped
ORDER BY seen_at, tx_id, address, asset
"""

CONFIRM = """
UPDATE unclaimed_deposits SET confirmed_at = now(), amount = $5::text::numeric
WHERE (network, tx_id, address, asset) = ($1, $2, $3, $4) AND confirmed_at IS NULL AND NOT dropped
"""

UNCONFIRM = """
UPDATE unclaimed_deposits SET confirmed_at = NULL
WHERE (network, tx_id, address, asset) = ($1, $2, $3, $4) RETURNING tx_id
"""

DROP = """
UPDATE unclaimed_deposits SET dropped = true
WHERE (network, tx_id, address, asset) = ($1, $2, $3, $4) AND confirmed_at IS NULL
"""


class PostgresUnclaimedDeposits:
    """UnclaimedDepositRepository over PostgreSQL."""

    _database: Database
    _catalogue: Callable[[], Catalogue]

    async def add_unclaimed(self, network: str, transfer: Transfer, order_id: UUID | None) -> None:
        """See UnclaimedDepositRepository."""
        parameters = [*_key(network, transfer), self._amount(transfer), order_id]
        try:
            await self._database.fetch(ADD, parameters)
        except Error as error:
            if ADDRESS_RELEASED in str(error):
                raise Unavailable(f"order {order_id} no longer has its address") from error
            raise

    async def is_unclaimed(self, network: str, transfer: Transfer) -> bool:
        """See UnclaimedDepositRepository."""
        (row,) = await self._database.fetch(IS_UNCLAIMED, _key(network, transfer))
        return bool(row["known"])

    async def unconfirmed_unclaimed(self, network: str) -> Sequence[Transfer]:
        """See UnclaimedDepositRepository."""
        assets = self._catalogue().assets
        return [
            Transfer(
                row["tx_id"],
                row["address"],
                row["asset"],
                units_from(row["amount"], assets[row["asset"]].precision),
            )
            for row in await self._database.fetch(UNCONFIRMED, [network])
        ]

    async def confirm_unclaimed(self, network: str, transfer: Transfer) -> None:
        """See UnclaimedDepositRepository."""
        await self._database.fetch(CONFIRM, [*_key(network, transfer), self._amount(transfer)])

    async def unconfirm_unclaimed(self, network: str, transfer: Transfer) -> bool:
        """See UnclaimedDepositRepository."""
        return bool(await self._database.fetch(UNCONFIRM, _key(network, transfer)))

    async def drop_unclaimed(self, network: str, transfer: Transfer) -> None:
        """See UnclaimedDepositRepository."""
        await self._database.fetch(DROP, _key(network, transfer))

    def _amount(self, transfer: Transfer) -> str:
        return format_units(transfer.amount, self._catalogue().assets[transfer.asset].precision)


def _key(network: str, transfer: Transfer) -> list[str]:
    return [network, transfer.tx_id, transfer.address, transfer.asset]
