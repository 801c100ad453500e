"""A quote as /v1/price answers it: most of its bytes are made once for all quotes of a pair."""

import re
from math import gcd
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from domain.assets import Asset
from domain.market.pricing import PricedPair, Quote, QuoteProblem
from domain.market.valuation import BTC_DECIMALS
from domain.money import CENT_DECIMALS, USD_DECIMALS, format_units, power_of_ten
from domain.wire import Amount, Bps, Precision, Rate, Usd, one_of
from gateway.codec import success

BTC: Final = "BTC"


class QuoteSideOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One side of a quote. Amounts in units of the asset; `usd` and `btc` at mid prices."""

    code: str
    coin: str
    network: str
    amount: Amount
    rate: Rate
    precision: Precision
    min: Amount
    max: Amount
    usd: Usd


class QuoteSourceOut(QuoteSideOut, frozen=True, kw_only=True, gc=False):
    """The source side also tells its worth in BTC; null where BTC has no price."""

    btc: Amount | None


class QuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """A quote. `to.amount` = `from.amount` x `from.rate` - `networkFee`, rounded down."""

    source: QuoteSourceOut = msgspec.field(name="from")
    destination: QuoteSideOut = msgspec.field(name="to")
    network_fee: Amount = msgspec.field(name="networkFee")
    errors: list[Annotated[str, one_of(QuoteProblem)]]
    markup_bps: Bps = msgspec.field(name="markupBps")


_Shown = tuple[int, int, int]
"""How a figure is got from an amount: times the first, plus the second, over the third."""


def _half_up(numerator: int, denominator: int) -> _Shown:
    """Return how amounts times a quotient are got, rounded as quantize_half_up does."""
    shared = gcd(numerator, denominator)
    numerator, denominator = numerator // shared, denominator // shared
    return 2 * numerator, denominator, 2 * denominator


class _Layout(NamedTuple):
    """An answer's bytes around what differs, and what each figure is made of.

    The template takes whole and fraction of the source's amount, its worth in USD and BTC, the
    destination's amount and worth; and the errors.
    """

    template: bytes
    source_unit: int
    destination_unit: int
    worth: _Shown
    in_btc: _Shown
    destination_worth: _Shown


_CENT: Final = 10**CENT_DECIMALS
_SATOSHI: Final = 10**BTC_DECIMALS
_SLOTS = ("@amount", "@usd", "@btc", "@paid", "@worth", "@errors")
_SLOT = re.compile(rb'@amount|@usd|"@btc"|@paid|@worth|\["@errors"\]')


def encode_quote(quoted: Quote) -> bytes:
    """Return the whole answer: what `success` gives for the quote's QuoteOut, byte for byte."""
    priced, refusals = quoted.priced, quoted.refusals
    amount, paid = quoted.source_amount, quoted.destination_amount
    frame: _Layout | None = priced.answer_frame
    if frame is None:
        frame = priced.answer_frame = _frame(priced)
    template, unit, paid_unit, usd, btc, worth = frame
    usd_times, usd_half, usd_over = usd
    btc_times, btc_half, btc_over = btc
    worth_times, worth_half, worth_over = worth
    return template % (
        *divmod(amount, unit),
        *divmod((amount * usd_times + usd_half) // usd_over, _CENT),
        *divmod((amount * btc_times + btc_half) // btc_over, _SATOSHI),
        *divmod(paid, paid_unit),
        *divmod((paid * worth_times + worth_half) // worth_over, _CENT),
        b",".join(b'"%b"' % refusal.value.encode() for refusal in refusals) if refusals else b"",
    )


def _frame(priced: PricedPair) -> _Layout:
    """Encode an answer with a mark in each place that differs, and make a template of it."""
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
        raise ValueError(f"a name of {source.code} or {destination.code} holds a mark")
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
        worth=_in_cents(priced.source_price, source),
        in_btc=_half_up(priced.source_price * _SATOSHI, (btc_price or 1) * scale),
        destination_worth=_in_cents(priced.destination_price, destination),
    )


def _in_cents(price: int, asset: Asset) -> _Shown:
    return _half_up(price, power_of_ten(asset.precision + USD_DECIMALS - CENT_DECIMALS))


def _decimals(decimals: int) -> bytes:
    """Return the format of a whole and a fraction; with no decimals the latter isn't shown."""
    return b"%%d.%%0%dd" % decimals if decimals else b"%d%.0a"


def _side(asset: Asset, bounds: tuple[int, int]) -> dict[str, Any]:
    least, most = bounds
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "precision": asset.precision,
        "min": format_units(least, asset.precision),
        "max": format_units(most, asset.precision),
    }
