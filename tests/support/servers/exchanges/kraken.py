"""Kraken's market data, in the shapes of its public documentation."""

from typing import Any

from tests.support.servers.exchanges.books import MARKETS, Books


def response(books: Books, path: str) -> Any:
    """Return the document at a path of the REST API, or None if there is none."""
    if path == "0/public/AssetPairs":
        return {
            "error": [],
            "result": {_id(m): _pair(m) for m in MARKETS["kraken"]},
        }
    if path == "0/public/Ticker":
        return {
            "error": [],
            "result": {_id(m): _ticker(books, m) for m in MARKETS["kraken"]},
        }
    return {"error": [], "result": {}}


def _ticker(books: Books, market: str) -> Any:
    bid, ask = books.book("kraken", market)
    return {
        "a": [ask, "1", "1.000"],
        "b": [bid, "1", "1.000"],
        "c": [bid, "0.1"],
        "v": ["1", "2"],
        "p": [bid, bid],
        "t": [1, 2],
        "l": [bid, bid],
        "h": [bid, bid],
        "o": bid,
    }


def stream_message(books: Books, market: str) -> Any:
    """Return a message of the ticker stream."""
    bid, ask = books.book("kraken", market)
    return {
        "channel": "ticker",
        "type": "update",
        "data": [
            {
                "symbol": market,
                "bid": _number(bid),
                "bid_qty": 1.5,
                "ask": _number(ask),
                "ask_qty": 2.5,
                "last": _number(bid),
                "volume": 10.5,
                "vwap": _number(bid),
                "low": 1.0,
                "high": 2.0,
                "change": -1.0,
                "change_pct": -0.5,
            }
        ],
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def _id(market: str) -> str:
    names = {"BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC", "XMR": "XXMR", "USD": "ZUSD"}
    return "".join(names.get(part, part) for part in market.split("/"))


def _pair(market: str) -> Any:
    base, quote = ({"BTC": "XXBT", "USD": "ZUSD"}.get(part, part) for part in market.split("/"))
    return {
        "altname": market.replace("/", "").replace("BTC", "XBT"),
        "wsname": market.replace("BTC", "XBT"),
        "aclass_base": "currency",
        "base": base,
        "aclass_quote": "currency",
        "quote": quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": 8,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": "0.00000001",
        "status": "online",
    }
