"""The sandbox market: a seeded random walk around reference prices."""

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from domain.clock import Clock
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS, units_of

REFERENCE_USD: Final[Mapping[str, str]] = {
    "BTC": "62450.00",
    "ETH": "3120.00",
    "LTC": "84.50",
    "DOGE": "0.1580",
    "BCH": "472.00",
    "TRX": "0.1215",
    "USDT": "1.0002",
    "USDC": "0.9999",
    "DAI": "1.0000",
    "XMR": "168.20",
    "XRP": "0.5240",
    "SOL": "167.30",
    "TON": "6.420",
    "BNB": "596.00",
    "POL": "0.7120",
    "ADA": "0.4610",
    "AVAX": "36.10",
    "XLM": "0.1090",
    "DASH": "29.40",
    "ZEC": "23.80",
    "ATOM": "8.420",
}

STABLE: Final = frozenset({"USDT", "USDC", "DAI"})
STEP: Final = 0.0004
STABLE_STEP: Final = 0.00002
PULL: Final = 0.02
"""The fraction of its distance to the reference that a price reverts at each step."""
SIGNIFICANT_DIGITS: Final = 7


class SandboxMarket:
    """A RateSource without network access. The same seed produces the same prices."""

    def __init__(self, clock: Clock, *, seed: int) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  simulated prices, repeatable
        self._drift = dict.fromkeys(REFERENCE_USD, 0.0)

    async def snapshot(self) -> RateSnapshot:
        """Advance the walk by one step and return the resulting prices."""
        for coin, drift in self._drift.items():
            size = STABLE_STEP if coin in STABLE else STEP
            self._drift[coin] = drift * (1 - PULL) + self._random.gauss(0, size)
        prices = {
            coin: _price(reference, self._drift[coin]) for coin, reference in REFERENCE_USD.items()
        }
        return RateSnapshot(at=self._clock.now().timestamp(), prices=prices)


def _price(reference: str, drift: float) -> int:
    """Return reference x (1 + drift) to seven digits; the float only drives the walk."""
    price = Decimal(reference) * (1 + Decimal(f"{drift:.9f}"))
    rounded = Decimal(f"{price:.{SIGNIFICANT_DIGITS - 1}e}")
    return units_of(rounded, USD_DECIMALS)
