"""The exchanges that provide prices, and their configuration in ccxt."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.market.consolidation import BRIDGES

VENUES: Final = ("kraken", "coinbase", "binance", "okx")

TIMEOUT_MS: Final = 5_000

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "kraken": {},
    "coinbase": {},
    # The Binance stream that has best bid and ask, and sends once a second.
    "binance": {"fetchMarkets": {"types": ["spot"]}, "watchTickers": {"name": "ticker"}},
    "okx": {"fetchMarkets": {"types": ["spot"]}},
}


def venue_in_ccxt(name: str, *, base_url: str = "") -> Any:
    """Return a ccxt client for spot markets, with Decimal numbers; nothing is connected yet.

    With a `base_url` such as `http://127.0.0.1:9000`, `<base_url>/<name>` replaces the exchange's
    hosts. ccxt takes 110 MB: only call this in the rates process.
    """
    from ccxt import pro  # noqa: PLC0415  see above

    options = {"defaultType": "spot", "fetchCurrencies": False, **OPTIONS[name]}
    venue = getattr(pro, name)(
        {"number": Decimal, "timeout": TIMEOUT_MS, "enableRateLimit": True, "options": options}
    )
    venue.has["fetchCurrencies"] = (
        False  # networks and fees, which most exchanges only return with an API key
    )
    if base_url:
        venue.urls["api"] = _redirected(venue.urls["api"], f"{base_url}/{name}")
    return venue


def markets_of(venue: Any, coins: Collection[str]) -> list[str]:
    """Return the preferred market of each coin (`"BTC/USD"`): priced in USD, else in a bridge.

    Bridges are always among the coins: cross rates depend on them.
    """
    markets = []
    for coin in sorted({*coins, *BRIDGES[1:]}):
        symbols = (f"{coin}/{bridge}" for bridge in BRIDGES if bridge != coin)
        market = next((one for one in symbols if _is_open(venue.markets.get(one))), None)
        if market is not None:
            markets.append(market)
    return markets


def _is_open(market: Mapping[str, Any] | None) -> bool:
    return market is not None and bool(market.get("spot")) and market.get("active") is not False


def _redirected(urls: Any, to: str) -> Any:
    """Replace scheme and host of all URLs in ccxt's nested tables, but not the paths."""
    if isinstance(urls, Mapping):
        return {name: _redirected(url, to) for name, url in urls.items()}
    scheme, _, rest = urls.partition("://")
    path = rest.partition("/")[2]
    host = to.replace("http", "ws", 1) if scheme in {"ws", "wss"} else to
    return f"{host}/{path}" if path else host
