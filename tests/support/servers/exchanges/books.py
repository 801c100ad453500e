"""The markets and order books of the simulated exchanges, with faults per exchange."""

from collections.abc import Iterable
from enum import StrEnum

MARKETS = {
    "kraken": ("BTC/USD", "ETH/USD", "USDT/USD", "USDC/USD", "LTC/USD", "XMR/BTC"),
    "coinbase": ("BTC/USD", "ETH/USD", "USDT/USD", "LTC/USD"),
    "binance": ("BTC/USDT", "ETH/USDT", "USDC/USDT", "LTC/USDT", "XMR/BTC"),
    "okx": ("BTC/USDT", "ETH/USDT", "USDC/USDT", "LTC/USDT"),
}
USD = {
    "BTC": 60_000.0,
    "ETH": 3_000.0,
    "USDT": 1.0,
    "USDC": 1.0,
    "LTC": 80.0,
    "XMR": 150.0,
    "USD": 1.0,
}


class Trouble(StrEnum):
    """How an exchange fails."""

    HANGS = "hangs"
    GARBAGE = "garbage"
    HALF = "half"
    CROSSED = "crossed"
    TENFOLD = "tenfold"
    UNAVAILABLE = "unavailable"
    OTHER_TIME = "other time"


class Books:
    """Prices of all markets, and the faults with which exchanges publish them."""

    def __init__(self) -> None:
        self.usd = dict(USD)
        self.troubles: dict[str, Trouble] = {}

    def trouble(self, trouble: Trouble | None, venues: Iterable[str]) -> None:
        for venue in venues:
            if trouble is None:
                self.troubles.pop(venue, None)
            else:
                self.troubles[venue] = trouble

    def book(self, venue: str, market: str) -> tuple[str, str]:
        """Return bid and ask of a market, with the venue's fault applied."""
        coin, priced_in = market.split("/")
        trouble = self.troubles.get(venue)
        mid = self.usd[coin] / self.usd[priced_in] * (10 if trouble is Trouble.TENFOLD else 1)
        bid, ask = f"{mid * 0.9999:.8f}", f"{mid * 1.0001:.8f}"
        if trouble is Trouble.HALF:
            return bid, ""
        return (ask, bid) if trouble is Trouble.CROSSED else (bid, ask)

    def time_ms(self, venue: str) -> int:
        return (
            4_102_444_800_000
            if self.troubles.get(venue) is Trouble.OTHER_TIME
            else 1_764_000_000_000
        )
