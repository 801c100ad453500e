"""Requested credits of deposits: settlement decides what the operator's role requests."""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from domain.actions.operator.settlement.deposit_credits import DecidedCredit, PayInAssignment
from domain.assets import Catalogue
from domain.chains.deposit_credits import DepositCredit
from domain.chains.transfers import Transfer
from domain.money import format_units
from persistence.postgres.chains.pay_in.pool import LAST_ORDER
from persistence.postgres.pool import Database

COLUMNS = """
  id::text AS id, network, tx_id, address, asset, order_id::text AS order_id, reason, requested_by,
  requested_at
"""

PENDING = f"""
SELECT {COLUMNS} FROM deposit_credits WHERE network = $1 AND decided_at IS NULL
ORDER BY requested_at, id
"""  # noqa: S608  the columns are this module's own constant

CREDITED = """
UPDATE deposit_credits SET decided_at = now(), amount = $2::text::numeric
WHERE id = $1 AND decided_at IS NULL
"""

REJECT = """
UPDATE deposit_credits SET decided_at = now(), rejection = $2 WHERE id = $1 AND decided_at IS NULL
"""

ASSIGNMENTS = f"""
SELECT p.network, p.address, o.id::text AS order_id
FROM unnest($1::text[], $2::text[]) AS w (network, address)
JOIN pay_in_addresses p ON p.network = w.network AND p.address = w.address
JOIN orders o ON o.id = {LAST_ORDER}
ORDER BY p.network
"""  # noqa: S608  a constant of ours

IS_RECEIVED = "SELECT EXISTS (SELECT FROM connected_assets WHERE asset = $1 AND receives) AS known"

IS_RECORDED = """
SELECT EXISTS (
  SELECT FROM deposits d JOIN orders o ON o.id = d.order_id
  WHERE d.order_id = $5 AND d.tx_id = $2 AND o.source = $4 AND NOT d.dropped
) OR EXISTS (
  SELECT FROM unclaimed_deposits
  WHERE (network, tx_id, address, asset) = ($1, $2, $3, $4) AND NOT dropped
) AS known
"""

ADD = """
INSERT INTO deposit_credits (id, network, tx_id, address, asset, order_id, reason, requested_by,
  requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (network, tx_id, address) WHERE decided_at IS NULL DO NOTHING
"""

DECIDED = f"""
SELECT {COLUMNS}, decided_at, trim_scale(amount)::text AS amount, rejection FROM deposit_credits
"""  # noqa: S608  as above

OF_TRANSACTION = f"""
{DECIDED} WHERE tx_id = $1 ORDER BY requested_at DESC, id
"""

NEWEST = f"{DECIDED} ORDER BY requested_at DESC, id LIMIT $1"


class PostgresDepositCredits:
    """DepositCreditRepository over PostgreSQL, under settlement's role."""

    _database: Database
    _catalogue: Callable[[], Catalogue]

    async def pending_credits(self, network: str) -> Sequence[DepositCredit]:
        """See DepositCreditRepository."""
        return [_credit(row) for row in await self._database.fetch(PENDING, [network])]

    async def mark_credited(self, credit: DepositCredit, transfer: Transfer) -> None:
        """See DepositCreditRepository."""
        precision = self._catalogue().assets[transfer.asset].precision
        await self._database.fetch(CREDITED, [credit.id, format_units(transfer.amount, precision)])

    async def reject_credit(self, credit: DepositCredit, why: str) -> None:
        """See DepositCreditRepository."""
        await self._database.fetch(REJECT, [credit.id, why])


class PostgresCreditRequests:
    """CreditRequests over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def assignments(
        self, addresses: Collection[tuple[str, str]]
    ) -> Sequence[PayInAssignment]:
        """See CreditRequests."""
        networks, texts = [one for one, _ in addresses], [text for _, text in addresses]
        rows = await self._database.fetch(ASSIGNMENTS, [networks, texts])
        return [
            PayInAssignment(row["network"], row["address"], UUID(row["order_id"])) for row in rows
        ]

    async def is_received(self, asset: str) -> bool:
        """See CreditRequests."""
        (row,) = await self._database.fetch(IS_RECEIVED, [asset])
        return bool(row["known"])

    async def is_recorded(self, credit: DepositCredit) -> bool:
        """See CreditRequests."""
        key = [credit.network, credit.tx_id, credit.address, credit.asset, credit.order_id]
        (row,) = await self._database.fetch(IS_RECORDED, key)
        return bool(row["known"])

    async def add(self, credit: DepositCredit) -> None:
        """See CreditRequests."""
        parameters = [
            *(credit.id, credit.network, credit.tx_id, credit.address, credit.asset),
            *(credit.order_id, credit.reason, credit.requested_by, credit.requested_at),
        ]
        await self._database.fetch(ADD, parameters)

    async def of_transaction(self, tx_id: str) -> Sequence[DecidedCredit]:
        """See CreditRequests."""
        return [_decided(row) for row in await self._database.fetch(OF_TRANSACTION, [tx_id])]

    async def newest(self, *, limit: int) -> Sequence[DecidedCredit]:
        """See CreditRequests."""
        return [_decided(row) for row in await self._database.fetch(NEWEST, [limit])]


def _credit(row: dict[str, Any]) -> DepositCredit:
    names = ("network", "tx_id", "address", "asset", "reason", "requested_by", "requested_at")
    return DepositCredit(
        id=UUID(row["id"]),
        order_id=UUID(row["order_id"]),
        **{name: row[name] for name in names},
    )


def _decided(row: dict[str, Any]) -> DecidedCredit:
    return DecidedCredit(_credit(row), row["decided_at"], row["amount"], row["rejection"])
