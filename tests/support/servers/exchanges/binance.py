"""Binance's market data, in the shapes of its public documentation."""

from typing import Any

from tests.support.servers.exchanges.books import MARKETS, Books


def response(books: Books, path: str) -> Any:
    """Return the document at a path of the REST API, or None if there is none."""
    if path == "api/v3/exchangeInfo":
        return {
            "timezone": "UTC",
            "serverTime": books.time_ms("binance"),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol(m) for m in MARKETS["binance"]],
        }
    if path == "api/v3/ticker/24hr":
        return [_ticker(books, m) for m in MARKETS["binance"]]
    return None


def _ticker(books: Books, market: str) -> Any:
    bid, ask = books.book("binance", market)
    return {
        "symbol": market.replace("/", ""),
        "priceChange": "-1",
        "priceChangePercent": "-0.5",
        "weightedAvgPrice": bid,
        "prevClosePrice": bid,
        "lastPrice": bid,
        "lastQty": "1",
        "bidPrice": bid,
        "bidQty": "1",
        "askPrice": ask,
        "askQty": "1",
        "openPrice": bid,
        "highPrice": bid,
        "lowPrice": bid,
        "volume": "1",
        "quoteVolume": "1",
        "openTime": books.time_ms("binance"),
        "closeTime": books.time_ms("binance"),
        "firstId": 1,
        "lastId": 2,
        "count": 2,
    }


def stream_message(books: Books, market: str) -> Any:
    """Return a message of the ticker stream."""
    bid, ask = books.book("binance", market)
    return {
        "e": "24hrTicker",
        "E": books.time_ms("binance"),
        "s": market.replace("/", ""),
        "p": "1",
        "P": "0.5",
        "w": bid,
        "x": bid,
        "c": bid,
        "Q": "1",
        "b": bid,
        "B": "1",
        "a": ask,
        "A": "1",
        "o": bid,
        "h": bid,
        "l": bid,
        "v": "1",
        "q": "1",
        "O": 1,
        "C": books.time_ms("binance"),
        "F": 1,
        "L": 2,
        "n": 2,
    }


def _symbol(market: str) -> Any:
    base, quote = market.split("/")
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.00000001",
                "maxPrice": "1000000",
                "tickSize": "0.00000001",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.00001",
                "maxQty": "9000",
                "stepSize": "0.00001",
            },
        ],
    }
