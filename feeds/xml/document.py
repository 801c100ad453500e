"""Renders the pairs that can be swapped as rate feeds, in the formats of listing sites."""

from collections.abc import Callable
from html import escape
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from domain.assets import Asset, Pair
from domain.market.limits import Headroom
from domain.market.pricing import Direction, PricedPair, PriceTable
from domain.market.rates import RateSnapshot
from domain.money import format_units, power_of_ten

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<rates>'
TAIL = b"</rates>\n"
JSON_HEAD = b'{"rates":['
JSON_TAIL = b"]}\n"

_FLOATING = "<floating/><manual>false</manual>"
"""Rates are not fixed for any time, so `floating` states no minutes."""

_encode = msgspec.json.Encoder().encode


class RateDocuments(msgspec.Struct, frozen=True):
    """The feed in the plain dialect, in EREF 1.1 and in JSON."""

    plain: bytes
    eref: bytes
    json: bytes


EMPTY = RateDocuments(HEAD + TAIL, HEAD + TAIL, JSON_HEAD + JSON_TAIL)


class _Item(NamedTuple):
    """An item's elements as plain digits, in the order of the plain dialect."""

    source: str
    destination: str
    deposit: str
    payout: str
    amount: str
    minimum: str
    maximum: str
    payout_minimum: str
    payout_maximum: str
    link: str | None


def render_rates(
    table: PriceTable,
    headroom: Headroom,
    *,
    premium_bps: int = 0,
    markup_bps: int = 0,
    link: str | None = None,
    pause: Callable[[], None] = lambda: None,
) -> RateDocuments:
    """Render an item for each pair with prices and aggregator codes on both sides.

    Amounts are those of a quote with `markup_bps`; `premium_bps` is that of fixed rates. `link` is
    the referral link that each item has, with the item's pair. `pause` is called after each source
    asset, some hundred microseconds apart, so that a thread can yield to the event loop.
    """
    plain, eref, json = [HEAD], [HEAD], [JSON_HEAD]
    snapshot = table.snapshot
    pairs = filter(lambda pair: _is_listed(pair, snapshot), table.catalogue.pairs.values())
    for _, of_one_source in groupby(pairs, key=lambda pair: pair.source.code):
        items = [
            _item(
                PricedPair(pair, snapshot, markup_bps=markup_bps, premium_bps=premium_bps),
                headroom,
                link,
            )
            for pair in of_one_source
        ]
        # Encoded here: encoding all at the end would hold the interpreter lock for milliseconds.
        plain.append("".join([_plain(item) for item in items]).encode())
        eref.append("".join([_eref(item) for item in items]).encode())
        json.append((",\n" if len(json) > 1 else "\n").encode() + b",\n".join(map(_json, items)))
        pause()
    for parts, tail in ((plain, TAIL), (eref, TAIL), (json, JSON_TAIL)):
        parts.append(b"\n" + tail if len(parts) > 1 else tail)
    return RateDocuments(b"".join(plain), b"".join(eref), b"".join(json))


def _is_listed(pair: Pair, snapshot: RateSnapshot) -> bool:
    """Return whether both assets have an aggregator code and a price."""
    return all(
        asset.aggregator_code is not None and asset.coin in snapshot.prices
        for asset in (pair.source, pair.destination)
    )


def _item(priced: PricedPair, headroom: Headroom, link: str | None) -> _Item:
    source, destination = priced.pair.source, priced.pair.destination
    deposit, payout = _payout_of_one_unit(priced)
    reserve = headroom.reserves.get(destination.code, priced.destination_bounds[1])
    minimum, maximum = priced.source_bounds
    payout_minimum, payout_maximum = priced.destination_bounds
    return _Item(
        source.aggregator_code or "",
        destination.aggregator_code or "",
        str(deposit),
        _shortest(payout, destination),
        _shortest(reserve, destination),
        _shortest(minimum, source),
        _shortest(maximum, source),
        _shortest(payout_minimum, destination),
        _shortest(payout_maximum, destination),
        None if link is None else f"{link}?from={quote(source.code)}&to={quote(destination.code)}",
    )


def _plain(item: _Item) -> str:
    return (
        f"\n<item>{_rate(item)}"
        f"<minamount>{item.minimum}</minamount><maxamount>{item.maximum}</maxamount>"
        f"<tomin>{item.payout_minimum}</tomin><tomax>{item.payout_maximum}</tomax>"
        f"{_link(item)}</item>"
    )


def _eref(item: _Item) -> str:
    """Return an item in the order of EREF: limits, flags, and the names of limits before 1.1."""
    return (
        f"\n<item>{_rate(item)}"
        f"<frommin>{item.minimum}</frommin><frommax>{item.maximum}</frommax>"
        f"<tomin>{item.payout_minimum}</tomin><tomax>{item.payout_maximum}</tomax>{_FLOATING}"
        f"<minamount>{item.minimum}</minamount><maxamount>{item.maximum}</maxamount>"
        f"{_link(item)}</item>"
    )


def _rate(item: _Item) -> str:
    return (
        f"<from>{escape(item.source)}</from><to>{escape(item.destination)}</to>"
        f"<in>{item.deposit}</in><out>{item.payout}</out><amount>{item.amount}</amount>"
    )


def _link(item: _Item) -> str:
    return "" if item.link is None else f"<link>{escape(item.link)}</link>"


def _json(item: _Item) -> bytes:
    """Return an item with the names of the plain dialect; amounts are decimal strings."""
    fields = {
        "from": item.source,
        "to": item.destination,
        "in": item.deposit,
        "out": item.payout,
        "amount": item.amount,
        "minamount": item.minimum,
        "maxamount": item.maximum,
        "tomin": item.payout_minimum,
        "tomax": item.payout_maximum,
    }
    return _encode(fields if item.link is None else {**fields, "link": item.link})


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


def _shortest(units: int, asset: Asset) -> str:
    """Return an amount without trailing zeros."""
    text = format_units(units, asset.precision)
    return text.rstrip("0").rstrip(".") if asset.precision else text
