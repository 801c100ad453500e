"""The layout of a response with a quote: the bytes that all quotes of a priced pair share."""

import re
from collections.abc import Mapping
from math import gcd
from typing import Any, Final, NamedTuple

from domain.assets import Asset
from domain.market.pricing import PricedPair
from domain.market.valuation import BTC_DECIMALS
from domain.money import CENT_DECIMALS, USD_DECIMALS, format_units, power_of_ten
from gateway.api.asset_encoding import asset_fields

BTC: Final = "BTC"

_Factor = tuple[int, int, int]
"""Converts an amount: multiplied by the first, plus the second, divided by the third."""


def _half_up(numerator: int, denominator: int) -> _Factor:
    """Return the factor numerator / denominator that rounds as `quantize_half_up` does."""
    shared = gcd(numerator, denominator)
    numerator, denominator = numerator // shared, denominator // shared
    return 2 * numerator, denominator, 2 * denominator


class Layout(NamedTuple):
    """The bytes that all quotes of a pair share, and how the others follow from the amounts.

    Among the values that the template takes are the whole and the fractional part of the source
    amount, of its values in USD and BTC, of the destination amount and of its value in USD.
    """

    template: bytes
    source_unit: int
    destination_unit: int
    source_usd: _Factor
    source_btc: _Factor
    destination_usd: _Factor

    def numbers(self, amount: int, paid: int) -> tuple[int, ...]:
        """Return the values of the template that follow from a source and a destination amount."""
        _, unit, paid_unit, usd, btc, paid_usd = self
        usd_times, usd_half, usd_over = usd
        btc_times, btc_half, btc_over = btc
        paid_times, paid_half, paid_over = paid_usd
        return (
            *divmod(amount, unit),
            *divmod((amount * usd_times + usd_half) // usd_over, _CENT),
            *divmod((amount * btc_times + btc_half) // btc_over, _SATOSHI),
            *divmod(paid, paid_unit),
            *divmod((paid * paid_times + paid_half) // paid_over, _CENT),
        )


AMOUNT: Final = "@amount"
USD: Final = "@usd"
BTC_VALUE: Final = "@btc"
PAID: Final = "@paid"
WORTH: Final = "@worth"
"""The values of the marked response that stand for `numbers`."""

_CENT: Final = 10**CENT_DECIMALS
_SATOSHI: Final = 10**BTC_DECIMALS


def layout_of(
    priced: PricedPair,
    marked: bytes,
    *,
    before: Mapping[bytes, bytes] | None = None,
    after: Mapping[bytes, bytes] | None = None,
) -> Layout:
    """Return the layout of an encoded response that has a mark for each value that differs.

    `before` and `after` are marks, as encoded, before and after the amounts, in their order, and
    the format of their value.
    """
    source, destination = priced.pair.source, priced.pair.destination
    btc_price = priced.snapshot.prices.get(BTC)
    formats = {
        **(before or {}),
        AMOUNT.encode(): _decimals(source.precision),
        USD.encode(): _decimals(CENT_DECIMALS),
        b'"%b"' % BTC_VALUE.encode(): (
            b'"%b"' % _decimals(BTC_DECIMALS) if btc_price else b"null%.0a%.0a"
        ),
        PAID.encode(): _decimals(destination.precision),
        WORTH.encode(): _decimals(CENT_DECIMALS),
        **(after or {}),
    }
    marks = re.compile(b"(" + b"|".join(re.escape(mark) for mark in formats) + b")")
    pieces = marks.split(marked)
    if pieces[1::2] != list(formats):
        raise ValueError(f"a name of {source.code} or {destination.code} contains a mark")
    pieces[::2] = [text.replace(b"%", b"%%") for text in pieces[::2]]
    pieces[1::2] = formats.values()
    scale = power_of_ten(source.precision)
    return Layout(
        template=b"".join(pieces),
        source_unit=scale,
        destination_unit=power_of_ten(destination.precision),
        source_usd=_in_cents(priced.source_price, source),
        source_btc=_half_up(priced.source_price * _SATOSHI, (btc_price or 1) * scale),
        destination_usd=_in_cents(priced.destination_price, destination),
    )


def side_fields(asset: Asset, bounds: tuple[int, int]) -> dict[str, Any]:
    """Return the fields of a side that do not depend on the amount."""
    least, most = bounds
    return {
        **asset_fields(asset),
        "precision": asset.precision,
        "min": format_units(least, asset.precision),
        "max": format_units(most, asset.precision),
    }


def _in_cents(price: int, asset: Asset) -> _Factor:
    return _half_up(price, power_of_ten(asset.precision + USD_DECIMALS - CENT_DECIMALS))


def _decimals(decimals: int) -> bytes:
    """Return the format of a whole and a fractional part, which 0 decimals omit."""
    return b"%%d.%%0%dd" % decimals if decimals else b"%d%.0a"
