"""The exchanges prices come from, set up in ccxt: what to load, and where to find it."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.market.consolidation import BRIDGES

VENUES: Final = ("kraken", "coinbase", "binance", "okx")

TIMEOUT_MS: Final = 5_000

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "kraken": {},
    "coinbase": {},
    # Of Binance's streams this one tells once a second, and has best bid and ask.
    "binance": {"fetchMarkets": {"types": ["spot"]}, "watchTickers": {"name": "ticker"}},
    "okx": {"fetchMarkets": {"types": ["spot"]}},
}


def venue_in_ccxt(name: str, *, base_url: str = "") -> Any:
    """Return a ccxt client with Decimal numbers that is asked for spot markets alone.

    With a `base_url` such as `http://127.0.0.1:9000` it finds `<base_url>/<name>/...` where the
    exchange's hosts would be. Nothing is connected yet. ccxt takes 110 MB: only call this in the
    process of rates.
    """
    from ccxt import pro  # noqa: PLC0415  see above

    options = {"defaultType": "spot", "fetchCurrencies": False, **OPTIONS[name]}
    venue = getattr(pro, name)(
        {"number": Decimal, "timeout": TIMEOUT_MS, "enableRateLimit": True, "options": options}
    )
    venue.has["fetchCurrencies"] = False  # networks and fees, which take keys at most of them
    if base_url:
        venue.urls["api"] = _moved(venue.urls["api"], f"{base_url}/{name}")
    return venue


def markets_of(venue: Any, coins: Collection[str]) -> list[str]:
    """Return the venue's best market for each coin (`"BTC/USD"`): priced in USD, else in a bridge.

    Bridges themselves are among the coins, whoever asks: cross rates go by them.
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


def _moved(urls: Any, to: str) -> Any:
    """Replace scheme and host of all URLs in ccxt's nested tables; paths stay."""
    if isinstance(urls, Mapping):
        return {name: _moved(url, to) for name, url in urls.items()}
    scheme, _, rest = urls.partition("://")
    path = rest.partition("/")[2]
    host = to.replace("http", "ws", 1) if scheme in {"ws", "wss"} else to
    return f"{host}/{path}" if path else host
