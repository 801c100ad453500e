"""Icons of assets: the coin's ticker in a coloured circle."""

import hashlib
import re
from typing import Final

import msgspec

from domain.assets import Asset

# Dark enough for white letters: a contrast of at least 4.5 to 1.
TONES: Final = (
    "#0f766e", "#1d4ed8", "#6d28d9", "#be185d", "#b45309", "#166534",
    "#0e7490", "#9f1239", "#4338ca", "#4d7c0f", "#7e22ce", "#475569",
)  # fmt: skip
OWN: Final = {
    "BTC": "#b45309",
    "ETH": "#4338ca",
    "USDT": "#0f766e",
    "USDC": "#1d4ed8",
    "XMR": "#c2410c",
    "SOL": "#6d28d9",
    "LTC": "#475569",
    "DOGE": "#8a6a00",
    "TRX": "#be123c",
    "DAI": "#a16207",
}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class CoinIcon(msgspec.Struct, frozen=True):
    """An icon: its letters, their font size in a circle of diameter 40, and the circle's colour."""

    letters: str
    size: int
    colour: str


def coin_icon(asset: Asset) -> CoinIcon:
    """Return the icon of an asset, in the asset's configured colour if it has a valid one."""
    colour = asset.color if asset.color and _COLOUR.fullmatch(asset.color) else None
    letters = asset.coin[:4]
    size = {1: 20, 2: 17, 3: 13}.get(len(letters), 11)
    return CoinIcon(letters, size, colour or OWN.get(asset.coin) or _tone(asset.coin))


def _tone(coin: str) -> str:
    return TONES[hashlib.sha256(coin.encode()).digest()[0] % len(TONES)]
