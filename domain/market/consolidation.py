"""Consolidates the best bids and asks of exchanges into one USD price per coin."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Final, TypeGuard

import msgspec

from domain.money import USD_DECIMALS

USD: Final = "USD"
STABLE: Final = ("USDT", "USDC", "DAI")
"""Coins pegged to the dollar; their price is that of their own markets."""
BRIDGES: Final = (USD, "USDT", "USDC", "BTC")
"""Currencies that coins are priced in, in order of preference: USD, else a cross rate."""

MAX_DISAGREEMENT: Final = Decimal("0.015")
"""The maximum deviation of a source's price from the median of all sources."""
MAX_SPREAD: Final = Decimal("0.02")
"""The maximum spread of a book, as a fraction of its mid: a wider one does not show a price."""
MAX_BOOK_AGE_SECONDS: Final = 30.0
"""The maximum age of a book: quiet markets are polled every few seconds."""
MIN_SOURCES: Final = 2

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_DOLLAR: Final = Decimal(1)


class BookDefect(StrEnum):
    """Why a book is rejected."""

    ONE_SIDED = "half"
    CROSSED = "crossed"
    WIDE = "wide"
    STALE = "stale"
    OUTLIER = "outlier"


class Book(msgspec.Struct, frozen=True):
    """The best bid and ask of a market at a source; `at` is the monotonic time of its receipt.

    The source's own timestamp is ignored: clocks of exchanges jump, and so does this machine's.
    None means that a side is empty or unreadable.
    """

    source: str
    coin: str
    priced_in: str
    bid: Decimal | None
    ask: Decimal | None
    at: float


class RejectedBook(msgspec.Struct, frozen=True):
    """A book that is not used, and why."""

    book: Book
    defect: BookDefect


class Consolidated(msgspec.Struct, frozen=True):
    """Prices in whole 10^-18 USD by coin, rejected books, and coins on which too few agree."""

    prices: Mapping[str, int]
    rejected: Sequence[RejectedBook]
    withdrawn: frozenset[str]


def consolidate(
    books: Iterable[Book], coins: Collection[str], *, now: float, min_sources: int = MIN_SOURCES
) -> Consolidated:
    """Return the median over agreeing sources of each coin's USD mid.

    A coin requires `min_sources` sources, and more than half of those that have it, within 1.5 % of
    the median of all of them. For a stablecoin the peg is one more source if too few others agree:
    few sources have a USD market of it.
    """
    valid, rejected = _valid(books, now)
    prices: dict[str, Decimal] = {USD: _DOLLAR}
    # Bridges first, each priced in those before it; a coin without a price prices no other.
    order = [*BRIDGES[1:], *sorted(set(coins) - set(BRIDGES))]
    for coin in order:
        mids = _mids(valid.get(coin, {}), prices)
        reported = [mid for mid, _ in mids]
        center = _consensus(reported, min_sources)
        if center is None and coin in STABLE and reported:
            center = _consensus([*reported, _DOLLAR], min_sources)
        agreeing = [] if center is None else [mid for mid in reported if _is_near(mid, center)]
        if agreeing:
            prices[coin] = median(agreeing)
        if len(reported) >= max(min_sources, 2):
            rejected += [
                RejectedBook(book, BookDefect.OUTLIER) for mid, book in mids if mid not in agreeing
            ]
    units = {coin: _units(prices[coin]) for coin in coins if coin in prices}
    priced = {coin: price for coin, price in units.items() if price > 0}
    return Consolidated(priced, rejected, frozenset(coins) - frozenset(priced))


def _consensus(reported: Sequence[Decimal], min_sources: int) -> Decimal | None:
    """Return the median if enough prices, and more than half of them, agree with it.

    If the two in the middle disagree, their mean is a price that no source reports.
    """
    if len(reported) < min_sources:
        return None
    ordered = sorted(reported)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if not _is_near(high, low):
        return None
    center = median(reported)
    agreeing = sum(_is_near(price, center) for price in reported)
    return center if agreeing >= min_sources and 2 * agreeing > len(reported) else None


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return _EXACT.divide(_EXACT.add(ordered[half - 1], ordered[half]), Decimal(2))


def defect_of(book: Book, now: float) -> BookDefect | None:
    """Return the defect of a single book, if any."""
    bid, ask = book.bid, book.ask
    if not _is_price(bid) or not _is_price(ask):
        return BookDefect.ONE_SIDED
    if bid > ask:
        return BookDefect.CROSSED
    if _EXACT.subtract(ask, bid) > _EXACT.multiply(_mid(bid, ask), MAX_SPREAD):
        return BookDefect.WIDE
    if not 0 <= now - book.at <= MAX_BOOK_AGE_SECONDS:
        return BookDefect.STALE
    return None


def _is_price(value: Decimal | None) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite() and value > 0


def _valid(
    books: Iterable[Book], now: float
) -> tuple[dict[str, dict[str, dict[str, Book]]], list[RejectedBook]]:
    """Return valid books by coin, source and currency, and the rejected ones."""
    valid: dict[str, dict[str, dict[str, Book]]] = {}
    rejected: list[RejectedBook] = []
    for book in books:
        defect = defect_of(book, now)
        if defect is None:
            valid.setdefault(book.coin, {}).setdefault(book.source, {})[book.priced_in] = book
        else:
            rejected.append(RejectedBook(book, defect))
    return valid, rejected


def _mids(
    by_source: Mapping[str, Mapping[str, Book]], prices: Mapping[str, Decimal]
) -> list[tuple[Decimal, Book]]:
    """Return each source's USD mid: of its USD market, else by its most preferred bridge."""
    mids = []
    for books in by_source.values():
        bridge = next((one for one in BRIDGES if one in books and one in prices), None)
        if bridge is not None:
            book = books[bridge]
            mid = _mid(book.bid or Decimal(0), book.ask or Decimal(0))
            mids.append((_EXACT.multiply(mid, prices[bridge]), book))
    return mids


def _mid(bid: Decimal, ask: Decimal) -> Decimal:
    return _EXACT.divide(_EXACT.add(bid, ask), Decimal(2))


def _is_near(price: Decimal, center: Decimal) -> bool:
    return abs(_EXACT.subtract(price, center)) <= _EXACT.multiply(center, MAX_DISAGREEMENT)


def _units(price: Decimal) -> int:
    """Return a price in whole 10^-18 USD, to the nearest."""
    return int(_EXACT.to_integral_value(price.scaleb(USD_DECIMALS, _EXACT)))
