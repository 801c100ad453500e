"""OKX's market data, in the shapes of its public documentation."""

from typing import Any

from tests.support.servers.exchanges.books import MARKETS, Books


def response(books: Books, path: str) -> Any:
    """Return the document at a path of the REST API, or None if there is none."""
    if path == "api/v5/public/instruments":
        return {"code": "0", "msg": "", "data": [_instrument(m) for m in MARKETS["okx"]]}
    if path == "api/v5/market/tickers":
        return {"code": "0", "msg": "", "data": [_ticker(books, m) for m in MARKETS["okx"]]}
    return None


def _ticker(books: Books, market: str) -> Any:
    bid, ask = books.book("okx", market)
    return {
        "instType": "SPOT",
        "instId": market.replace("/", "-"),
        "last": bid,
        "lastSz": "1",
        "askPx": ask,
        "askSz": "1",
        "bidPx": bid,
        "bidSz": "1",
        "open24h": bid,
        "high24h": bid,
        "low24h": bid,
        "volCcy24h": "1",
        "vol24h": "1",
        "ts": str(books.time_ms("okx")),
        "sodUtc0": bid,
        "sodUtc8": bid,
    }


def stream_message(books: Books, market: str) -> Any:
    """Return a message of the ticker stream."""
    name = market.replace("/", "-")
    return {"arg": {"channel": "tickers", "instId": name}, "data": [_ticker(books, market)]}


def _instrument(market: str) -> Any:
    base, quote = market.split("/")
    return {
        "instType": "SPOT",
        "instId": f"{base}-{quote}",
        "uly": "",
        "category": "1",
        "baseCcy": base,
        "quoteCcy": quote,
        "settleCcy": "",
        "ctVal": "",
        "ctMult": "",
        "ctValCcy": "",
        "optType": "",
        "stk": "",
        "listTime": "1548133413000",
        "expTime": "",
        "lever": "10",
        "tickSz": "0.00000001",
        "lotSz": "0.00000001",
        "minSz": "0.00001",
        "ctType": "",
        "alias": "",
        "state": "live",
        "instFamily": "",
        "instIdCode": 1,
    }
