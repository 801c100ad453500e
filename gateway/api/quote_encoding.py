"""The response of /v1/price: most of its bytes are the same for all quotes of a priced pair."""

import re
from math import gcd
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec

from domain.assets import Asset
from domain.market.pricing import MAX_PRICED, PricedPair, Quote, QuoteProblem
from domain.market.valuation import BTC_DECIMALS
from domain.money import CENT_DECIMALS, USD_DECIMALS, format_units, power_of_ten
from domain.wire import Amount, Bps, Precision, Rate, Usd, one_of
from gateway.api.asset_encoding import AssetOut, asset_fields
from gateway.codec import success

if TYPE_CHECKING:
    from domain.market.rates import RateSnapshot

BTC: Final = "BTC"


class QuoteSideOut(AssetOut, frozen=True, kw_only=True, gc=False):
    """One side of a quote. Amounts in units of the asset; `usd` and `btc` at mid prices."""

    amount: Amount
    rate: Rate
    precision: Precision
    min: Amount
    max: Amount
    usd: Usd


class QuoteSourceOut(QuoteSideOut, frozen=True, kw_only=True, gc=False):
    """The source side also has its value in BTC; null where BTC has no price."""

    btc: Amount | None


class QuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """A quote. `to.amount` = `from.amount` x `from.rate` - `networkFee`, rounded down."""

    source: QuoteSourceOut = msgspec.field(name="from")
    destination: QuoteSideOut = msgspec.field(name="to")
    network_fee: Amount = msgspec.field(name="networkFee")
    errors: list[Annotated[str, one_of(QuoteProblem)]]
    markup_bps: Bps = msgspec.field(name="markupBps")


_Factor = tuple[int, int, int]
"""Converts an amount: multiplied by the first, plus the second, divided by the third."""


def _half_up(numerator: int, denominator: int) -> _Factor:
    """Return the factor numerator / denominator that rounds as `quantize_half_up` does."""
    shared = gcd(numerator, denominator)
    numerator, denominator = numerator // shared, denominator // shared
    return 2 * numerator, denominator, 2 * denominator


class _Layout(NamedTuple):
    """The bytes that all quotes of a pair share, and how the others follow from the amounts.

    The template takes the whole and the fractional part of the source amount, of its values in USD
    and BTC, of the destination amount and of its value in USD; and the errors.
    """

    template: bytes
    source_unit: int
    destination_unit: int
    source_usd: _Factor
    source_btc: _Factor
    destination_usd: _Factor


_CENT: Final = 10**CENT_DECIMALS
_SATOSHI: Final = 10**BTC_DECIMALS
_SLOTS = ("@amount", "@usd", "@btc", "@paid", "@worth", "@errors")
_SLOT = re.compile(rb'@amount|@usd|"@btc"|@paid|@worth|\["@errors"\]')


class QuoteEncoder:
    """Encodes quotes; keeps one layout for each priced pair of the newest snapshot in use."""

    def __init__(self) -> None:
        self._snapshot: RateSnapshot | None = None
        self._layouts: dict[PricedPair, _Layout] = {}

    def encode(self, quote: Quote) -> bytes:
        """Return the whole body: what `success` returns for the quote's QuoteOut, byte for byte."""
        priced, errors = quote.priced, quote.problems
        amount, paid = quote.source_amount, quote.destination_amount
        layout = self._layouts.get(priced)
        if layout is None:
            layout = self._add(priced)
        template, unit, paid_unit, usd, btc, paid_usd = layout
        usd_times, usd_half, usd_over = usd
        btc_times, btc_half, btc_over = btc
        paid_times, paid_half, paid_over = paid_usd
        return template % (
            *divmod(amount, unit),
            *divmod((amount * usd_times + usd_half) // usd_over, _CENT),
            *divmod((amount * btc_times + btc_half) // btc_over, _SATOSHI),
            *divmod(paid, paid_unit),
            *divmod((paid * paid_times + paid_half) // paid_over, _CENT),
            b",".join(b'"%b"' % error.value.encode() for error in errors) if errors else b"",
        )

    def _add(self, priced: PricedPair) -> _Layout:
        if priced.snapshot is not self._snapshot or len(self._layouts) >= MAX_PRICED:
            self._snapshot = priced.snapshot
            self._layouts.clear()
        layout = self._layouts[priced] = _layout_of(priced)
        return layout


def _layout_of(priced: PricedPair) -> _Layout:
    """Encode a quote with a placeholder for each value that differs, and derive the template."""
    source, destination = priced.pair.source, priced.pair.destination
    marked = QuoteOut(
        source=QuoteSourceOut(
            **_side(source, priced.source_bounds),
            amount="@amount",
            rate=str(priced.rate),
            usd="@usd",
            btc="@btc",
        ),
        destination=QuoteSideOut(
            **_side(destination, priced.destination_bounds),
            amount="@paid",
            rate=str(priced.inverse),
            usd="@worth",
        ),
        network_fee=format_units(priced.network_fee, destination.precision),
        errors=["@errors"],
        markup_bps=priced.margin.markup_bps,
    )
    pieces = [piece.replace(b"%", b"%%") for piece in _SLOT.split(success(marked))]
    if len(pieces) != len(_SLOTS) + 1:
        raise ValueError(f"a name of {source.code} or {destination.code} contains a placeholder")
    btc_price = priced.snapshot.prices.get(BTC)
    slots = (
        _decimals(source.precision),
        _decimals(CENT_DECIMALS),
        b'"%b"' % _decimals(BTC_DECIMALS) if btc_price else b"null%.0a%.0a",
        _decimals(destination.precision),
        _decimals(CENT_DECIMALS),
        b"[%b]",
        b"",
    )
    scale = power_of_ten(source.precision)
    return _Layout(
        template=b"".join(piece + slot for piece, slot in zip(pieces, slots, strict=True)),
        source_unit=scale,
        destination_unit=power_of_ten(destination.precision),
        source_usd=_in_cents(priced.source_price, source),
        source_btc=_half_up(priced.source_price * _SATOSHI, (btc_price or 1) * scale),
        destination_usd=_in_cents(priced.destination_price, destination),
    )


def _in_cents(price: int, asset: Asset) -> _Factor:
    return _half_up(price, power_of_ten(asset.precision + USD_DECIMALS - CENT_DECIMALS))


def _decimals(decimals: int) -> bytes:
    """Return the format of a whole and a fractional part, which 0 decimals omit."""
    return b"%%d.%%0%dd" % decimals if decimals else b"%d%.0a"


def _side(asset: Asset, bounds: tuple[int, int]) -> dict[str, Any]:
    least, most = bounds
    return {
        **asset_fields(asset),
        "precision": asset.precision,
        "min": format_units(least, asset.precision),
        "max": format_units(most, asset.precision),
    }
