"""The parts of an order's deposit, as they go into and out of their table in one piece."""

from datetime import datetime

import msgspec

from domain.assets import Asset
from domain.money import format_units, units_from
from domain.orders.deposits import Part, Parts

PARTS = """
SELECT json_agg(json_build_object(
    'tx_id', d.tx_id, 'amount', d.amount::text, 'seen_at', d.seen_at,
    'confirmed_at', d.confirmed_at, 'stray', d.stray, 'vanished', d.vanished) ORDER BY d.position)
FROM deposits d WHERE d.order_id = orders.id
"""


class _StoredPart(msgspec.Struct):
    """A row of `deposits`, as it goes in and out as JSON."""

    tx_id: str
    amount: str
    seen_at: datetime
    confirmed_at: datetime | None
    stray: bool
    vanished: bool
    position: int = 0


_decode_parts = msgspec.json.Decoder(list[_StoredPart]).decode


def parts_of(stored: str | None, source: Asset) -> Parts:
    """Return what `PARTS` found."""
    if stored is None:
        return Parts()
    return Parts(
        tuple(
            Part(
                tx_id=one.tx_id,
                amount=units_from(one.amount, source.precision),
                seen_at=one.seen_at,
                confirmed_at=one.confirmed_at,
                stray=one.stray,
                vanished=one.vanished,
            )
            for one in _decode_parts(stored)
        )
    )


def stored_parts(parts: Parts, precision: int) -> str:
    """Return all parts as JSON, for json_to_recordset; amounts in units of their asset."""
    rows = [
        _StoredPart(
            tx_id=part.tx_id,
            amount=format_units(part.amount, precision),
            seen_at=part.seen_at,
            confirmed_at=part.confirmed_at,
            stray=part.stray,
            vanished=part.vanished,
            position=position,
        )
        for position, part in enumerate(parts.all)
    ]
    return msgspec.json.encode(rows).decode()
