"""Renders the pairs that can be swapped as XML, in the two dialects of listing sites."""

from collections.abc import Callable
from html import escape
from itertools import groupby

import msgspec

from domain.assets import Asset, Pair
from domain.market.limits import Headroom
from domain.market.pricing import Direction, PricedPair, PriceTable
from domain.market.rates import RateSnapshot
from domain.money import format_units, power_of_ten

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<rates>'
TAIL = b"</rates>\n"

_AUTOMATIC = '<floating minutes="1"/><manual>false</manual>'
"""Rates may change after a minute: older prices are not used for quotes."""


class RateDocuments(msgspec.Struct, frozen=True):
    """The feed in the plain dialect and in EREF 1.1."""

    plain: bytes
    eref: bytes


EMPTY = RateDocuments(HEAD + TAIL, HEAD + TAIL)


def render_rates(
    table: PriceTable,
    headroom: Headroom,
    *,
    premium_bps: int = 0,
    pause: Callable[[], None] = lambda: None,
) -> RateDocuments:
    """Render an item for each pair with prices and aggregator codes on both sides.

    Amounts are those of a quote without a markup; `premium_bps` is that of fixed rates. `pause` is
    called after each source asset, some hundred microseconds apart, so that a thread can yield to
    the event loop.
    """
    plain, eref = [HEAD], [HEAD]
    snapshot = table.snapshot
    pairs = filter(lambda pair: _is_listed(pair, snapshot), table.catalogue.pairs.values())
    for _, of_one_source in groupby(pairs, key=lambda pair: pair.source.code):
        items = [
            _item(PricedPair(pair, snapshot, markup_bps=0, premium_bps=premium_bps), headroom)
            for pair in of_one_source
        ]
        # Encoded here: encoding all at the end would hold the interpreter lock for milliseconds.
        plain.append("".join([f"\n<item>{shared}</item>" for shared, _ in items]).encode())
        eref.append(
            "".join([f"\n<item>{shared}{eref_only}</item>" for shared, eref_only in items]).encode()
        )
        pause()
    for parts in (plain, eref):
        parts.append(b"\n" + TAIL if len(parts) > 1 else TAIL)
    return RateDocuments(b"".join(plain), b"".join(eref))


def _is_listed(pair: Pair, snapshot: RateSnapshot) -> bool:
    """Return whether both assets have an aggregator code and a price."""
    return all(
        asset.aggregator_code is not None and asset.coin in snapshot.prices
        for asset in (pair.source, pair.destination)
    )


def _item(priced: PricedPair, headroom: Headroom) -> tuple[str, str]:
    """Return the elements of both dialects, and the additional ones of EREF."""
    source, destination = priced.pair.source, priced.pair.destination
    deposit, payout = _payout_of_one_unit(priced)
    reserve = headroom.reserves.get(destination.code, priced.destination_bounds[1])
    minimum, maximum = (_shortest(units, source) for units in priced.source_bounds)
    shared = (
        f"<from>{_code(source)}</from><to>{_code(destination)}</to>"
        f"<in>{deposit}</in><out>{_shortest(payout, destination)}</out>"
        f"<amount>{_shortest(reserve, destination)}</amount>"
        f"<minamount>{minimum}</minamount><maxamount>{maximum}</maxamount>"
    )
    eref_only = f"<frommin>{minimum}</frommin><frommax>{maximum}</frommax>{_AUTOMATIC}"
    return shared, eref_only


def _payout_of_one_unit(priced: PricedPair) -> tuple[int, int]:
    """Return 1 and the payout for one unit, in smallest units.

    If one unit does not cover the network fee, the first number is the least power of ten that
    does: a rate of zero would be wrong, and no rate would hide the pair.
    """
    units, unit = 1, power_of_ten(priced.pair.source.precision)
    while True:
        payout = priced.quote(Direction.FROM, units * unit).destination_amount
        if payout:
            return units, payout
        units *= 10


def _code(asset: Asset) -> str:
    return escape(asset.aggregator_code or "")


def _shortest(units: int, asset: Asset) -> str:
    """Return an amount without trailing zeros."""
    text = format_units(units, asset.precision)
    return text.rstrip("0").rstrip(".") if asset.precision else text
