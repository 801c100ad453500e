"""A quote as /v1/price answers it: most of its bytes are made once for all quotes of a pair."""

import re
from typing import Annotated, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from domain.assets import Asset
from domain.money import format_units
from domain.pricing import PricedPair, Quote, Refusal, usd_value
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
    errors: list[Annotated[str, one_of(Refusal)]]
    markup_bps: Bps = msgspec.field(name="markupBps")


Frame = tuple[str, str, str, str, str, str, str]
"""The text of an answer around what differs: amount, usd and btc of the source, amount and usd of
the destination, and the errors."""

_SLOTS = ("@amount", "@usd", "@btc", "@paid", "@worth", "@errors")
_SLOT = re.compile(r'@amount|@usd|"@btc"|@paid|@worth|\["@errors"\]')

_frames: WeakKeyDictionary[PricedPair, Frame] = WeakKeyDictionary()


def quote_answer(quoted: Quote) -> bytes:
    """Return the whole answer: what `success` gives for the quote's QuoteOut, byte for byte."""
    priced = quoted.priced
    frame = _frames.get(priced)
    if frame is None:
        frame = _frames[priced] = _frame(priced)
    source, destination = priced.pair.source, priced.pair.destination
    worth = usd_value(quoted.source_amount, priced.source_price, source)
    btc_price = priced.snapshot.prices.get(BTC)
    paid = quoted.destination_amount
    return (
        f"{frame[0]}{format_units(quoted.source_amount, source.precision)}"
        f"{frame[1]}{worth.cents()}"
        f"{frame[2]}{_quoted(worth.in_btc(btc_price)) if btc_price else 'null'}"
        f"{frame[3]}{format_units(paid, destination.precision)}"
        f"{frame[4]}{usd_value(paid, priced.destination_price, destination).cents()}"
        f"{frame[5]}[{','.join(_quoted(refusal.value) for refusal in quoted.refusals)}]"
        f"{frame[6]}"
    ).encode()


def _frame(priced: PricedPair) -> Frame:
    """Encode an answer with a mark in each place that differs, and take it apart at the marks."""
    pair = priced.pair
    marked = QuoteOut(
        source=QuoteSourceOut(
            **_side(pair.source, priced.source_bounds),
            amount="@amount",
            rate=str(priced.rate),
            usd="@usd",
            btc="@btc",
        ),
        destination=QuoteSideOut(
            **_side(pair.destination, priced.destination_bounds),
            amount="@paid",
            rate=str(priced.inverse),
            usd="@worth",
        ),
        network_fee=format_units(priced.network_fee, pair.destination.precision),
        errors=["@errors"],
        markup_bps=priced.markup_bps,
    )
    pieces = _SLOT.split(success(marked).decode())
    if len(pieces) != len(_SLOTS) + 1:
        raise ValueError(f"a name of {pair.source.code} or {pair.destination.code} holds a mark")
    return tuple(pieces)  # type: ignore[return-value]  # as many as counted


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


def _quoted(text: str) -> str:
    return f'"{text}"'
