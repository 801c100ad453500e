"""The deposits of an order: read and written as one JSON document."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.assets import Asset
from domain.money import format_units, units_from
from domain.orders.deposits import Deposit, Deposits

DEPOSITS = """
SELECT json_agg(json_build_object(
    'tx_id', d.tx_id, 'amount', d.amount::text, 'seen_at', d.seen_at,
    'confirmed_at', d.confirmed_at, 'late', d.late, 'dropped', d.dropped,
    'confirmations', d.confirmations) ORDER BY d.position)
FROM deposits d WHERE d.order_id = orders.id
"""


class StoredDeposit(msgspec.Struct, gc=False):
    """A row of `deposits` as JSON."""

    tx_id: str
    amount: str
    seen_at: datetime
    confirmed_at: datetime | None
    late: bool
    dropped: bool
    position: int = 0
    confirmations: int = 0


_NO_DEPOSITS = Deposits()


def deposits_of(stored: Sequence[StoredDeposit] | None, source: Asset) -> Deposits:
    """Return the deposits of a result of `DEPOSITS`."""
    if stored is None:
        return _NO_DEPOSITS
    return Deposits(
        tuple(
            [
                Deposit(
                    tx_id=one.tx_id,
                    amount=units_from(one.amount, source.precision),
                    seen_at=one.seen_at,
                    confirmed_at=one.confirmed_at,
                    late=one.late,
                    dropped=one.dropped,
                    confirmations=one.confirmations,
                )
                for one in stored
            ]
        )
    )


def stored_deposits(deposits: Deposits, precision: int) -> str:
    """Return all deposits as JSON for json_to_recordset; amounts in units of their asset."""
    rows = [
        StoredDeposit(
            tx_id=one.tx_id,
            amount=format_units(one.amount, precision),
            seen_at=one.seen_at,
            confirmed_at=one.confirmed_at,
            late=one.late,
            dropped=one.dropped,
            position=position,
        )
        for position, one in enumerate(deposits.all)
    ]
    return msgspec.json.encode(rows).decode()
