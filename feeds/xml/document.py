"""Renders what can be swapped now as XML, in the two dialects that listing sites read."""

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
"""A rate may be another one after a minute: older prices aren't quoted from."""


class RateDocuments(msgspec.Struct, frozen=True):
    """The feed in the plain dialect and in EREF 1.1."""

    plain: bytes
    eref: bytes


EMPTY = RateDocuments(HEAD + TAIL, HEAD + TAIL)


def render_rates(
    table: PriceTable, headroom: Headroom, *, pause: Callable[[], None] = lambda: None
) -> RateDocuments:
    """Render an item for each pair that has prices and aggregator codes on both sides.

    Figures are those of `pricing.quote` without a markup. `pause` is called after each source
    asset, some hundred microseconds apart: a thread beside an event loop lets go of it there.
    """
    plain, eref = [HEAD], [HEAD]
    snapshot = table.snapshot
    pairs = filter(lambda pair: _is_listed(pair, snapshot), table.catalogue.pairs.values())
    for _, of_one_source in groupby(pairs, key=lambda pair: pair.source.code):
        items = [
            _item(PricedPair(pair, snapshot, markup_bps=0), headroom) for pair in of_one_source
        ]
        # Encoded here and not at the end, which would hold the interpreter for milliseconds.
        plain.append("".join([f"\n<item>{shared}</item>" for shared, _ in items]).encode())
        eref.append("".join([f"\n<item>{shared}{more}</item>" for shared, more in items]).encode())
        pause()
    for parts in (plain, eref):
        parts.append(b"\n" + TAIL if len(parts) > 1 else TAIL)
    return RateDocuments(b"".join(plain), b"".join(eref))


def _is_listed(pair: Pair, snapshot: RateSnapshot) -> bool:
    """Tell whether both assets have an aggregator code and a price."""
    return all(
        asset.aggregator_code is not None and asset.coin in snapshot.prices
        for asset in (pair.source, pair.destination)
    )


def _item(priced: PricedPair, headroom: Headroom) -> tuple[str, str]:
    """Return the elements that both dialects share, and what EREF has besides."""
    source, destination = priced.pair.source, priced.pair.destination
    given, received = _of_one_unit(priced)
    reserve = headroom.reserves.get(destination.code, priced.destination_bounds[1])
    least, most = (_shortest(units, source) for units in priced.source_bounds)
    shared = (
        f"<from>{_code(source)}</from><to>{_code(destination)}</to>"
        f"<in>{given}</in><out>{_shortest(received, destination)}</out>"
        f"<amount>{_shortest(reserve, destination)}</amount>"
        f"<minamount>{least}</minamount><maxamount>{most}</maxamount>"
    )
    more = f"<frommin>{least}</frommin><frommax>{most}</frommax>{_AUTOMATIC}"
    return shared, more


def _of_one_unit(priced: PricedPair) -> tuple[int, int]:
    """Return 1 and what is paid out for one unit, in smallest units.

    Where one unit doesn't pay for the network fee it is the least power of ten that does: a rate
    of zero would be wrong, and no rate at all would hide the pair.
    """
    given, unit = 1, power_of_ten(priced.pair.source.precision)
    while True:
        received = priced.quote(Direction.FROM, given * unit).destination_amount
        if received:
            return given, received
        given *= 10


def _code(asset: Asset) -> str:
    return escape(asset.aggregator_code or "")


def _shortest(units: int, asset: Asset) -> str:
    """Return an amount without the zeros at its end."""
    text = format_units(units, asset.precision)
    return text.rstrip("0").rstrip(".") if asset.precision else text
