"""Regions are the assigned codes of ISO 3166-1, as the tz database lists them."""

from pathlib import Path

import pytest

from domain.errors import InvalidRequest
from domain.market.regions import REGIONS, checked_region

LISTED = Path("/usr/share/zoneinfo/iso3166.tab")


@pytest.mark.skipif(not LISTED.exists(), reason="this system has no tz database")
def test_regions_are_those_of_the_tz_database() -> None:
    lines = LISTED.read_text().splitlines()
    assert {line.split("\t")[0] for line in lines if not line.startswith("#")} == REGIONS


@pytest.mark.parametrize("text", ["DE", "US", "KP", "GB"])
def test_an_assigned_code_is_a_region(text: str) -> None:
    assert checked_region(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "d", "de", "De", "DEU", "UK", "EU", "XX", "ZZ", "276", " DE", "DE ", "DE\n", "D\u0395"],
)
def test_another_text_is_no_region(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_region(text)
