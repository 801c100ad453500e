"""The operator's name, logo and colors: only valid and readable ones are accepted."""

from pathlib import Path

import pytest

from cabinet_htmx.shared.brand import BACKGROUNDS, InvalidBrand, brand_of, contrast
from cabinet_htmx.shared.coin_icons import OWN, TONES


def test_contrast_follows_wcag() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_colors_become_a_style_sheet_for_both_themes() -> None:
    brand = brand_of(name=" Coin & Sons ", colours="accent=#7A1FA2, accent-dark=#d9a6ff")
    style = brand.style.body.decode()
    assert brand.name == "Coin & Sons"
    assert "--accent: #7a1fa2; --accent-ink: #ffffff;" in style
    assert "--accent: #d9a6ff; --accent-ink: #10151c;" in style
    assert brand.style_address.startswith("/brand/colours.")
    assert brand_of(name="A").style.body == b"\n"


@pytest.mark.parametrize(
    "colours",
    [
        *("accent=red", "accent=#fff", "accent=#ffff00", "accent-dark=#101010", "accent"),
        *("background=#000000", "accent=#0f766e;}body{display:none", "accent=#0f766e, x"),
    ],
)
def test_unreadable_or_malformed_colors_are_rejected(colours: str) -> None:
    with pytest.raises(InvalidBrand):
        brand_of(name="A", colours=colours)


@pytest.mark.parametrize("name", ["", " ", "a" * 41, "a\nb"])
def test_a_brand_name_is_a_short_line(name: str) -> None:
    with pytest.raises(InvalidBrand):
        brand_of(name=name)


def test_a_logo_is_a_small_image(tmp_path: Path) -> None:
    good = tmp_path / "logo.PNG"
    good.write_bytes(b"png")
    address = brand_of(name="A", logo=good).logo_address
    assert address is not None
    assert address.endswith(".png")
    big, other = tmp_path / "big.svg", tmp_path / "logo.html"
    big.write_bytes(b"x" * 40_000)
    other.write_bytes(b"x")
    for path in (big, other, tmp_path / "missing.svg"):
        with pytest.raises(InvalidBrand):
            brand_of(name="A", logo=path)


def test_letters_are_readable_on_every_coin_icon_color() -> None:
    assert all(contrast(tone, "#ffffff") >= 4.5 for tone in (*TONES, *OWN.values()))
    assert set(BACKGROUNDS) == {"accent", "accent-dark"}
