"""Many exchanges' best bids and asks made into one USD price a coin, or into none that is sure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Final, TypeGuard

import msgspec

from domain.money import USD_DECIMALS

USD: Final = "USD"
STABLE: Final = ("USDT", "USDC", "DAI")
"""Coins that are meant to be worth a dollar; their price is what their own markets say."""
BRIDGES: Final = (USD, "USDT", "USDC", "BTC")
"""What coins are priced in, best first: a source's market in USD, else a cross rate by these."""

MAX_DEVIATION: Final = Decimal("0.02")
"""How far from the median of all sources a price may be."""
BOOK_SECONDS: Final = 30.0
"""How long what a source said of a market counts: quiet markets are asked for every few seconds."""
NEEDED: Final = 2

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_DOLLAR: Final = Decimal(1)


class Fault(StrEnum):
    """Why a market's book isn't counted."""

    HALF = "half"
    CROSSED = "crossed"
    STALE = "stale"
    OUTLIER = "outlier"


class Book(msgspec.Struct, frozen=True):
    """A market's best bid and ask at a source; `at` is when we were told, in seconds of our own.

    The source's own time isn't looked at: clocks of exchanges jump, and so does this machine's.
    None stands for a side that is empty, or that can't be read.
    """

    source: str
    coin: str
    priced_in: str
    bid: Decimal | None
    ask: Decimal | None
    at: float


class Dropped(msgspec.Struct, frozen=True):
    """A book that isn't counted, and why."""

    book: Book
    fault: Fault


class Consolidated(msgspec.Struct, frozen=True):
    """Prices in whole 10^-18 USD by coin, what wasn't counted, and coins without enough sources."""

    prices: Mapping[str, int]
    dropped: Sequence[Dropped]
    withdrawn: frozenset[str]


def consolidate(
    books: Iterable[Book], coins: Collection[str], *, now: float, needed: int = NEEDED
) -> Consolidated:
    """Return the median over sources of each coin's USD mid.

    A coin needs `needed` sources that are within 2 % of the median of all of them. A stablecoin
    can do with one less that puts it within 2 % of a dollar, where the others are away or don't
    agree: few sources have a market of it in USD, and its peg is an opinion too.
    """
    sound, dropped = _sound(books, now)
    prices: dict[str, Decimal] = {USD: _DOLLAR}
    # Bridges first, each by those before it: a coin without a price prices no other coin.
    order = [*BRIDGES[1:], *sorted(set(coins) - set(BRIDGES))]
    for coin in order:
        mids = _mids(sound.get(coin, {}), prices)
        kept, outliers = _without_outliers(mids)
        dropped += [Dropped(book, Fault.OUTLIER) for book in outliers]
        enough = needed
        if coin in STABLE and len(kept) < needed:
            kept, enough = [mid for mid, _ in mids if _is_near(mid, _DOLLAR)], needed - 1
        if kept and len(kept) >= enough:
            prices[coin] = median(kept)
    found = {coin: _units(prices[coin]) for coin in coins if coin in prices}
    found = {coin: price for coin, price in found.items() if price > 0}
    return Consolidated(found, dropped, frozenset(coins) - frozenset(found))


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle of the values, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return _EXACT.divide(_EXACT.add(ordered[half - 1], ordered[half]), Decimal(2))


def fault_of(book: Book, now: float) -> Fault | None:
    """Return what is wrong with a book by itself, if anything."""
    bid, ask = book.bid, book.ask
    if not _is_price(bid) or not _is_price(ask):
        return Fault.HALF
    if bid > ask:
        return Fault.CROSSED
    if not 0 <= now - book.at <= BOOK_SECONDS:
        return Fault.STALE
    return None


def _is_price(value: Decimal | None) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite() and value > 0


def _sound(
    books: Iterable[Book], now: float
) -> tuple[dict[str, dict[str, dict[str, Book]]], list[Dropped]]:
    """Return sound books by coin, source and what they are priced in, and the other ones."""
    sound: dict[str, dict[str, dict[str, Book]]] = {}
    dropped: list[Dropped] = []
    for book in books:
        fault = fault_of(book, now)
        if fault is None:
            sound.setdefault(book.coin, {}).setdefault(book.source, {})[book.priced_in] = book
        else:
            dropped.append(Dropped(book, fault))
    return sound, dropped


def _mids(
    by_source: Mapping[str, Mapping[str, Book]], prices: Mapping[str, Decimal]
) -> list[tuple[Decimal, Book]]:
    """Return each source's USD mid: of its market in USD, else by the best bridge it has."""
    mids = []
    for books in by_source.values():
        bridge = next((one for one in BRIDGES if one in books and one in prices), None)
        if bridge is not None:
            book = books[bridge]
            mids.append((_EXACT.multiply(_mid(book), prices[bridge]), book))
    return mids


def _mid(book: Book) -> Decimal:
    bid, ask = book.bid or Decimal(0), book.ask or Decimal(0)
    return _EXACT.divide(_EXACT.add(bid, ask), Decimal(2))


def _without_outliers(mids: Sequence[tuple[Decimal, Book]]) -> tuple[list[Decimal], list[Book]]:
    if not mids:
        return [], []
    middle = median([mid for mid, _ in mids])
    kept = [mid for mid, _ in mids if _is_near(mid, middle)]
    return kept, [book for mid, book in mids if not _is_near(mid, middle)]


def _is_near(price: Decimal, middle: Decimal) -> bool:
    return abs(_EXACT.subtract(price, middle)) <= _EXACT.multiply(middle, MAX_DEVIATION)


def _units(price: Decimal) -> int:
    """Return a price in whole 10^-18 USD, to the nearest."""
    return int(_EXACT.to_integral_value(price.scaleb(USD_DECIMALS, _EXACT)))
