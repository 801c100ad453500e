"""Consolidation of exchanges: no single one moves a price, and doubtful ones are withdrawn."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market.consolidation import (
    MAX_BOOK_AGE_SECONDS,
    MAX_DISAGREEMENT,
    Book,
    BookDefect,
    Consolidated,
    consolidate,
    defect_of,
    median,
)
from tests.support.builders.market import USD

NOW = 1_000.0


def book(
    source: str,
    market: str,
    mid: str,
    *,
    spread: str = "0",
    at: float = NOW,
) -> Book:
    coin, priced_in = market.split("/")
    half = Decimal(spread) / 2
    return Book(source, coin, priced_in, Decimal(mid) - half, Decimal(mid) + half, at)


PEGS = [book("kraken", "USDT/USD", "1.0002"), book("coinbase", "USDT/USD", "1.0004")]


def found(*books: Book, coins: tuple[str, ...] = ("BTC",), min_sources: int = 2) -> Consolidated:
    return consolidate(books, coins, now=NOW, min_sources=min_sources)


def prices(consolidated: Consolidated) -> Mapping[str, Decimal]:
    return {coin: Decimal(price) / USD for coin, price in consolidated.prices.items()}


def test_the_price_is_the_median_of_the_sources_mids() -> None:
    odd = found(
        *(
            book(name, "BTC/USD", mid)
            for name, mid in zip("abc", ["100", "101", "100.2"], strict=True)
        )
    )
    assert prices(odd) == {"BTC": Decimal("100.2")}
    even = found(book("a", "BTC/USD", "100", spread="0.2"), book("b", "BTC/USD", "101", spread="1"))
    assert prices(even) == {"BTC": Decimal("100.5")}


def test_a_cross_rate_uses_the_stablecoins_own_price() -> None:
    crossed = found(
        *PEGS,
        book("binance", "BTC/USDT", "100"),
        book("okx", "BTC/USDT", "100"),
        coins=("BTC", "USDT"),
    )
    assert prices(crossed) == {"BTC": Decimal("100.03"), "USDT": Decimal("1.0003")}


def test_a_sources_usd_market_takes_precedence_over_its_cross_rates() -> None:
    both = found(
        *PEGS,
        book("kraken", "BTC/USD", "100"),
        book("kraken", "BTC/USDT", "101"),
        book("coinbase", "BTC/USD", "100"),
    )
    assert prices(both) == {"BTC": Decimal(100)}


def test_a_coin_may_be_priced_in_btc() -> None:
    books = [
        book(name, market, mid)
        for name in "ab"
        for market, mid in (("BTC/USD", "50000"), ("XMR/BTC", "0.003"))
    ]
    assert prices(found(*books, coins=("XMR",))) == {"XMR": Decimal(150)}


def test_a_bridge_without_a_price_prices_no_coin() -> None:
    books = [book("binance", "BTC/USDT", "100"), book("okx", "BTC/USDT", "100")]
    assert found(*books, coins=("BTC", "USDT")).withdrawn == {"BTC", "USDT"}


@pytest.mark.parametrize("wrong", ["1000", "10", "101.6", "98.4"])
def test_a_price_more_than_the_bound_off_the_median_is_rejected(wrong: str) -> None:
    books = [book("a", "BTC/USD", "100"), book("b", "BTC/USD", "100"), book("c", "BTC/USD", wrong)]
    consolidated = found(*books)
    assert prices(consolidated) == {"BTC": Decimal(100)}
    assert [(one.book.source, one.defect) for one in consolidated.rejected] == [
        ("c", BookDefect.OUTLIER)
    ]


@pytest.mark.parametrize("min_sources", [1, 2])
@pytest.mark.parametrize("other", ["101.6", "104", "96", "1000"])
def test_a_coin_whose_two_sources_disagree_has_no_price(other: str, min_sources: int) -> None:
    books = book("a", "BTC/USD", "100"), book("b", "BTC/USD", other)
    consolidated = found(*books, min_sources=min_sources)
    assert consolidated.withdrawn == {"BTC"}
    assert [one.defect for one in consolidated.rejected] == [BookDefect.OUTLIER] * 2


@pytest.mark.parametrize(
    "said",
    [
        ["100", "100", "104", "104"],
        ["90", "100", "101", "110"],
        ["98", "100", "102"],
        ["98.6", "100", "101.4", "150", "151"],
    ],
)
def test_a_coin_has_no_price_unless_more_than_half_of_its_sources_agree(said: list[str]) -> None:
    books = [book(f"s{n}", "BTC/USD", mid) for n, mid in enumerate(said)]
    assert found(*books).withdrawn == {"BTC"}


def test_a_book_with_a_wide_spread_does_not_count() -> None:
    wide = book("b", "BTC/USD", "100", spread="2.1")
    consolidated = found(book("a", "BTC/USD", "100"), wide)
    assert consolidated.withdrawn == {"BTC"}
    assert [(one.book, one.defect) for one in consolidated.rejected] == [(wide, BookDefect.WIDE)]
    assert prices(found(book("a", "BTC/USD", "100"), book("b", "BTC/USD", "100", spread="2"))) == {
        "BTC": Decimal(100)
    }


def test_a_coin_is_withdrawn_while_it_has_too_few_sources() -> None:
    one = [book("a", "BTC/USD", "100")]
    assert found(*one) == Consolidated({}, [], frozenset({"BTC"}))
    assert found(*one, min_sources=1).withdrawn == frozenset()
    assert found(*one, book("b", "BTC/USD", "100")).withdrawn == frozenset()


@pytest.mark.parametrize(
    ("mid", "priced"), [("1.001", True), ("0.986", True), ("0.984", False), ("10", False)]
)
def test_a_stablecoin_with_one_market_has_a_price_while_it_is_near_a_dollar(
    mid: str, priced: bool
) -> None:
    consolidated = found(book("kraken", "USDT/USD", mid), coins=("USDT",))
    assert ("USDT" in consolidated.prices) is priced


def test_of_two_sources_that_disagree_on_a_stablecoin_the_one_near_a_dollar_counts() -> None:
    books = [book("kraken", "USDT/USD", "10"), book("coinbase", "USDT/USD", "1.001")]
    assert prices(found(*books, coins=("USDT",))) == {"USDT": Decimal("1.001")}


def test_a_stablecoins_price_is_that_of_its_markets_even_far_from_a_dollar() -> None:
    books = [book(name, "USDT/USD", "0.90") for name in "ab"]
    assert prices(found(*books, coins=("USDT",))) == {"USDT": Decimal("0.9")}


def test_a_stablecoin_without_any_market_has_no_price() -> None:
    assert found(coins=("USDT", "USDC", "DAI")).withdrawn == {"USDT", "USDC", "DAI"}


@pytest.mark.parametrize(
    ("bid", "ask", "age", "fault"),
    [
        ("1", "1", 0, None),
        ("0.99", "1.01", MAX_BOOK_AGE_SECONDS, None),
        ("0.98", "1.01", 0, BookDefect.WIDE),
        ("1", "2", 0, BookDefect.WIDE),
        (None, "1", 0, BookDefect.ONE_SIDED),
        ("1", None, 0, BookDefect.ONE_SIDED),
        ("0", "1", 0, BookDefect.ONE_SIDED),
        ("-1", "1", 0, BookDefect.ONE_SIDED),
        ("NaN", "1", 0, BookDefect.ONE_SIDED),
        ("1", "Infinity", 0, BookDefect.ONE_SIDED),
        ("1.01", "1", 0, BookDefect.CROSSED),
        ("1", "1", MAX_BOOK_AGE_SECONDS + 0.1, BookDefect.STALE),
        ("1", "1", -1, BookDefect.STALE),
    ],
)
def test_books_with_a_defect_are_rejected(
    bid: str | None, ask: str | None, age: float, fault: BookDefect | None
) -> None:
    book = Book("a", "BTC", "USD", _decimal(bid), _decimal(ask), NOW - age)
    assert defect_of(book, NOW) is fault
    consolidated = consolidate([book], ["BTC"], now=NOW, min_sources=1)
    assert [one.defect for one in consolidated.rejected] == ([fault] if fault else [])


def test_a_coin_whose_price_rounds_to_zero_has_no_price() -> None:
    books = [book(name, "BTC/USD", "1E-19") for name in "ab"]
    assert found(*books).withdrawn == {"BTC"}


mids = st.decimals("0.00000001", "1000000", places=10).filter(lambda mid: mid > 0)


@given(
    honest=st.lists(st.integers(-7, 7), min_size=3, max_size=7),
    mid=mids,
    liar=st.decimals("0.0001", "10000", places=4).filter(lambda factor: factor > 0),
)
def test_one_dishonest_source_cannot_move_a_price_beyond_the_range_of_the_honest_ones(
    honest: list[int], mid: Decimal, liar: Decimal
) -> None:
    said = [mid * (1 + Decimal(permille) / 1000) for permille in honest]
    books = [Book(f"s{n}", "BTC", "USD", one, one, NOW) for n, one in enumerate(said)]
    books.append(Book("liar", "BTC", "USD", mid * liar, mid * liar, NOW))
    price = consolidate(books, ["BTC"], now=NOW).prices["BTC"]
    assert min(said) * USD - 1 <= price <= max(said) * USD + 1


factors = st.decimals("0.5", "2", places=4)


@given(
    honest=st.lists(st.integers(-2, 2), min_size=1, max_size=5),
    mid=mids,
    liars=st.lists(factors, min_size=1, max_size=2),
)
def test_neither_one_nor_two_dishonest_sources_move_a_price_beyond_the_bound_of_agreement(
    honest: list[int], mid: Decimal, liars: list[Decimal]
) -> None:
    said = [mid * (1 + Decimal(permille) / 1000) for permille in honest]
    lies = [mid * factor for factor in liars[: len(honest)]]
    books = [Book(f"s{n}", "BTC", "USD", one, one, NOW) for n, one in enumerate([*said, *lies])]
    price = consolidate(books, ["BTC"], now=NOW).prices.get("BTC")
    if price is None:
        assert len(honest) <= 2, "three or more that agree outvote two"
        return
    assert min(said) * (1 - MAX_DISAGREEMENT) * USD - 1 <= price
    assert price <= max(said) * (1 + MAX_DISAGREEMENT) * USD + 1


@given(
    first=mids,
    factor=factors.filter(lambda factor: abs(factor - 1) > Decimal("0.0153")),
    min_sources=st.integers(1, 3),
)
def test_a_pair_of_sources_that_disagree_makes_no_price(
    first: Decimal, factor: Decimal, min_sources: int
) -> None:
    said = (first, first * factor)
    books = [Book(f"s{n}", "BTC", "USD", one, one, NOW) for n, one in enumerate(said)]
    assert consolidate(books, ["BTC"], now=NOW, min_sources=min_sources).prices == {}


@given(
    bid=st.none() | st.decimals(allow_nan=True, allow_infinity=True),
    ask=st.none() | st.decimals(allow_nan=True, allow_infinity=True),
)
def test_a_book_that_counts_has_positive_finite_prices_and_a_narrow_spread(
    bid: Decimal | None, ask: Decimal | None
) -> None:
    odd = Book("odd", "BTC", "USD", bid, ask, NOW)
    if defect_of(odd, NOW) is None:
        assert bid is not None
        assert ask is not None
        assert 0 < bid <= ask < Decimal("Infinity")
        assert Fraction(ask) - Fraction(bid) <= (Fraction(ask) + Fraction(bid)) / 2 / 49
    else:
        honest = [book(name, "BTC/USD", "100") for name in "ab"]
        assert prices(found(*honest, odd)) == {"BTC": Decimal(100)}
        assert [one.book for one in found(*honest, odd).rejected] == [odd]


@given(st.lists(mids, min_size=1, max_size=9))
def test_the_median_has_as_many_below_as_above(values: list[Decimal]) -> None:
    middle = median(values)
    assert sum(value < middle for value in values) <= len(values) // 2
    assert sum(value > middle for value in values) <= len(values) // 2
    assert median(list(reversed(values))) == middle


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
