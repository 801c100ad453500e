"""Cake's currencies, and the assets of the API that they are."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final


@dataclass(frozen=True)
class CryptoCurrency:
    """A coin: `title` is its ticker, `tag` the ticker of its chain, None for a chain's own coin."""

    title: str
    tag: str | None
    decimals: int


CHAIN_BY_TICKER: Final = {
    "ADA": "cardano",
    "ARB": "arbitrum",
    "ATOM": "cosmos",
    "AVAXC": "avalanche",
    "BASE": "base",
    "BCH": "bitcoincash",
    "BSC": "bnbsmartchain",
    "BTC": "bitcoin",
    "DASH": "dash",
    "DOGE": "dogecoin",
    "ETH": "ethereum",
    "LTC": "litecoin",
    "POL": "polygon",
    "SOL": "solana",
    "TON": "ton",
    "TRX": "tron",
    "XLM": "stellar",
    "XMR": "monero",
    "XRP": "xrpledger",
    "ZEC": "zcash",
}
COIN_BY_TITLE: Final = {"TZEC": "ZEC"}
"""Titles that are not the coin's ticker: the transparent addresses of Zcash."""


@dataclass(frozen=True)
class Asset:
    """An asset of the API: its code, and the decimals of its amounts."""

    code: str
    precision: int

    def amount(self, number: Decimal | str) -> str:
        """Return an amount as requests take it: not zero, without an exponent, rounded down."""
        unit = Decimal(1).scaleb(-self.precision)
        return f"{max(Decimal(number).quantize(unit, ROUND_DOWN), unit):f}"


class Assets:
    """The assets that /v1/currencies lists."""

    def __init__(self, listed: list[dict[str, Any]]) -> None:
        self._assets = {
            (one["chain"], one["coin"]): Asset(one["code"], one["precision"]) for one in listed
        }

    def find(self, currency: CryptoCurrency) -> Asset | None:
        """Return the asset that is this currency, or None."""
        coin = COIN_BY_TITLE.get(currency.title, currency.title)
        chain = CHAIN_BY_TICKER.get(currency.tag or coin)
        return self._assets.get((chain, coin)) if chain else None
