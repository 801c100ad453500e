"""The response of /v1/price: most of its bytes are the same for all quotes of a priced pair."""

from typing import Annotated, Final

import msgspec

from domain.market.pricing import OfPricedPairs, PricedPair, Quote, QuoteProblem
from domain.money import format_units
from domain.wire import Amount, Bps, Precision, Rate, Usd, one_of
from gateway.api.asset_encoding import AssetOut
from gateway.api.quotes import quote_layout as marks
from gateway.api.quotes.quote_layout import Layout, layout_of, side_fields
from gateway.codec import success

_ERRORS: Final = "@errors"


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


class QuoteEncoder:
    """Encodes quotes; keeps one layout for each priced pair of the newest snapshot in use."""

    def __init__(self) -> None:
        self._layouts = OfPricedPairs(_layout_of)

    def encode(self, quote: Quote) -> bytes:
        """Return the whole body: what `success` returns for the quote's QuoteOut, byte for byte."""
        layout, errors = self._layouts[quote.priced], quote.problems
        return layout.template % (
            *layout.numbers(quote.source_amount, quote.destination_amount),
            b",".join(b'"%b"' % error.value.encode() for error in errors) if errors else b"",
        )


def _layout_of(priced: PricedPair) -> Layout:
    source, destination = priced.pair.source, priced.pair.destination
    marked = QuoteOut(
        source=QuoteSourceOut(
            **side_fields(source, priced.source_bounds),
            amount=marks.AMOUNT,
            rate=str(priced.rate),
            usd=marks.USD,
            btc=marks.BTC_VALUE,
        ),
        destination=QuoteSideOut(
            **side_fields(destination, priced.destination_bounds),
            amount=marks.PAID,
            rate=str(priced.inverse),
            usd=marks.WORTH,
        ),
        network_fee=format_units(priced.network_fee, destination.precision),
        errors=[_ERRORS],
        markup_bps=priced.margin.markup_bps,
    )
    return layout_of(priced, success(marked), after={b'["%b"]' % _ERRORS.encode(): b"[%b]"})
