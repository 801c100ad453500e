"""Amounts are parsed from plain decimal digits and written with exactly their precision."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.money import (
    format_units,
    parse_units,
    quantize_down,
    quantize_half_up,
    quantize_up,
    units_from,
    units_of,
)


@given(units=st.integers(min_value=1, max_value=10**38 - 1), decimals=st.integers(18, 18))
def test_38_digits_survive_writing_and_reading(units: int, decimals: int) -> None:
    assert parse_units(format_units(units, decimals), decimals) == units
    assert units_of(Decimal(format_units(units, decimals)), decimals) == units
    assert units_from(format_units(units, decimals), decimals) == units


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("1", 8, 100_000_000), ("0.01", 8, 1_000_000), ("12.5", 1, 125), ("7", 0, 7)],
)
def test_plain_decimal_digits_are_parsed(text: str, decimals: int, units: int) -> None:
    assert parse_units(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "0.00", "-1", "+1", "1e3", "1E-3", ".5", "5.", "1.2.3", "1,5", " 1", "1 ", "1\n",
        "NaN", "Infinity", "0x10", "1_000", "\u0661", "\uff11", "1.123456789", "9" * 21,
    ],
)  # fmt: skip
def test_any_other_notation_is_rejected(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_units(text, 8)


@given(numerator=st.integers(0, 10**40), denominator=st.integers(1, 10**20))
def test_roundings_match_their_names(numerator: int, denominator: int) -> None:
    down, up = quantize_down(numerator, denominator), quantize_up(numerator, denominator)
    nearest = quantize_half_up(numerator, denominator)
    assert down * denominator <= numerator <= up * denominator
    assert up - down == (numerator % denominator != 0)
    assert nearest in (down, up)
    assert 2 * abs(nearest * denominator - numerator) <= denominator


def test_an_amount_with_too_many_decimals_does_not_fit() -> None:
    with pytest.raises(ValueError, match="decimals"):
        units_of(Decimal("0.001"), 2)


@pytest.mark.parametrize(
    ("text", "units"), [("0.010000000000000000", 1), ("12", 1200), ("0", 0), ("7.5", 750)]
)
def test_a_numeric_is_converted_to_units(text: str, units: int) -> None:
    assert units_from(text, 2) == units


@pytest.mark.parametrize("text", ["0.001", "-1", "NaN", "1E+3", ""])
def test_a_numeric_with_too_many_decimals_is_rejected(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  two kinds, both with the text in them
        units_from(text, 2)
