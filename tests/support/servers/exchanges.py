"""Stand-ins for four exchanges: real HTTP and WebSocket servers that answer in their formats.

The shapes are those of each exchange's public documentation. What goes wrong is set by venue.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

from aiohttp import WSMsgType, web

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
STREAM_SECONDS = 0.2


class Trouble(StrEnum):
    HANGS = "hangs"
    GARBAGE = "garbage"
    HALF = "half"
    CROSSED = "crossed"
    TENFOLD = "tenfold"
    AWAY = "away"
    OTHER_TIME = "other time"


class Exchanges:
    """All four, on one loopback port below /<venue>/."""

    def __init__(self) -> None:
        self.usd = dict(USD)
        self.troubles: dict[str, Trouble] = {}
        self.silent_streams: set[str] = set()
        self.asked: list[str] = []
        self.url = ""

    def trouble(self, trouble: Trouble | None, venues: Iterable[str]) -> None:
        for venue in venues:
            if trouble is None:
                self.troubles.pop(venue, None)
            else:
                self.troubles[venue] = trouble

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Exchanges"]:
        application = web.Application()
        for path in ("/{venue}", "/{venue}/{path:.*}"):
            application.router.add_get(path, self._answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert runner.addresses
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def book(self, venue: str, market: str) -> tuple[str, str]:
        """Return bid and ask, as the trouble of the venue has them."""
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

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        venue, path = request.match_info["venue"], request.match_info.get("path", "")
        self.asked.append(f"{venue}/{path}")
        trouble = self.troubles.get(venue)
        if trouble is Trouble.AWAY:
            raise web.HTTPServiceUnavailable
        if trouble is Trouble.HANGS:
            await asyncio.sleep(600)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request, venue)
        if trouble is Trouble.GARBAGE:
            return web.Response(body=b"<html>\xff maintenance", content_type="application/json")
        if request.query.get("product_type") == "FUTURE":
            return web.json_response({"products": [], "num_products": 0})
        document = getattr(self, f"_{venue}")(path)
        if document is None:
            raise web.HTTPNotFound
        return web.json_response(document)

    async def _stream(self, request: web.Request, venue: str) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        wanted: set[str] = set()
        listening = asyncio.create_task(self._listen(socket, venue, wanted))
        try:
            while not socket.closed:
                trouble = self.troubles.get(venue)
                if trouble is Trouble.AWAY:
                    await socket.close()
                    break
                if trouble is Trouble.GARBAGE:
                    await socket.send_str('{"channel": 7, "data": [], "e": null}')
                elif trouble is not Trouble.HANGS and venue not in self.silent_streams:
                    for market in sorted(wanted):
                        await socket.send_json(getattr(self, f"_{venue}_told")(market))
                await asyncio.sleep(STREAM_SECONDS)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            listening.cancel()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, venue: str, wanted: set[str]) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT or not message.data.startswith("{"):
                continue
            asked = json.loads(message.data)
            if asked.get("method") == "ping":
                await socket.send_json({"method": "pong", "req_id": asked.get("req_id")})
            text = json.dumps(asked).lower()
            names = {
                "kraken": "{}/{}",
                "coinbase": "{}-{}",
                "binance": "{}{}@ticker",
                "okx": "{}-{}",
            }
            wanted.update(
                market
                for market in MARKETS[venue]
                if f'"{names[venue].format(*market.split("/"))}"'.lower() in text
            )

    # Kraken

    def _kraken(self, path: str) -> Any:
        if path == "0/public/AssetPairs":
            return {
                "error": [],
                "result": {_kraken_id(m): _kraken_pair(m) for m in MARKETS["kraken"]},
            }
        if path == "0/public/Ticker":
            return {
                "error": [],
                "result": {_kraken_id(m): self._kraken_ticker(m) for m in MARKETS["kraken"]},
            }
        return {"error": [], "result": {}}

    def _kraken_ticker(self, market: str) -> Any:
        bid, ask = self.book("kraken", market)
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

    def _kraken_told(self, market: str) -> Any:
        bid, ask = self.book("kraken", market)
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

    # Coinbase

    def _coinbase(self, path: str) -> Any:
        if path == "api/v3/brokerage/market/products":
            return {
                "products": [self._coinbase_product(m) for m in MARKETS["coinbase"]],
                "num_products": 4,
            }
        return {"data": []}

    def _coinbase_product(self, market: str) -> Any:
        base, quote = market.split("/")
        bid, _ = self.book("coinbase", market)
        return {
            "product_id": f"{base}-{quote}",
            "price": bid,
            "price_percentage_change_24h": "1.5",
            "volume_24h": "100",
            "volume_percentage_change_24h": "2",
            "base_increment": "0.00000001",
            "quote_increment": "0.00000001",
            "quote_min_size": "1",
            "quote_max_size": "50000000",
            "base_min_size": "0.0001",
            "base_max_size": "3400",
            "base_name": base,
            "quote_name": quote,
            "watched": False,
            "is_disabled": False,
            "new": False,
            "status": "online",
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "trading_disabled": False,
            "auction_mode": False,
            "product_type": "SPOT",
            "quote_currency_id": quote,
            "base_currency_id": base,
            "fcm_trading_session_details": None,
            "mid_market_price": "",
            "alias": "",
            "alias_to": [],
            "base_display_symbol": base,
            "quote_display_symbol": quote,
        }

    def _coinbase_told(self, market: str) -> Any:
        bid, ask = self.book("coinbase", market)
        return {
            "channel": "ticker_batch",
            "client_id": "",
            "timestamp": "2023-03-01T12:15:18.382173051Z",
            "sequence_num": 0,
            "events": [
                {
                    "type": "update",
                    "tickers": [
                        {
                            "type": "ticker",
                            "product_id": market.replace("/", "-"),
                            "price": bid,
                            "volume_24_h": "1",
                            "low_24_h": "1",
                            "high_24_h": "2",
                            "low_52_w": "1",
                            "high_52_w": "3",
                            "price_percent_chg_24_h": "0.5",
                            "best_bid": bid,
                            "best_bid_quantity": "500.0",
                            "best_ask": ask,
                            "best_ask_quantity": "300.0",
                        }
                    ],
                }
            ],
        }

    # Binance

    def _binance(self, path: str) -> Any:
        if path == "api/v3/exchangeInfo":
            return {
                "timezone": "UTC",
                "serverTime": self.time_ms("binance"),
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [_binance_symbol(m) for m in MARKETS["binance"]],
            }
        if path == "api/v3/ticker/24hr":
            return [self._binance_ticker(m) for m in MARKETS["binance"]]
        return None

    def _binance_ticker(self, market: str) -> Any:
        bid, ask = self.book("binance", market)
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
            "openTime": self.time_ms("binance"),
            "closeTime": self.time_ms("binance"),
            "firstId": 1,
            "lastId": 2,
            "count": 2,
        }

    def _binance_told(self, market: str) -> Any:
        bid, ask = self.book("binance", market)
        return {
            "e": "24hrTicker",
            "E": self.time_ms("binance"),
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
            "C": self.time_ms("binance"),
            "F": 1,
            "L": 2,
            "n": 2,
        }

    # OKX

    def _okx(self, path: str) -> Any:
        if path == "api/v5/public/instruments":
            return {"code": "0", "msg": "", "data": [_okx_instrument(m) for m in MARKETS["okx"]]}
        if path == "api/v5/market/tickers":
            return {"code": "0", "msg": "", "data": [self._okx_ticker(m) for m in MARKETS["okx"]]}
        return None

    def _okx_ticker(self, market: str) -> Any:
        bid, ask = self.book("okx", market)
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
            "ts": str(self.time_ms("okx")),
            "sodUtc0": bid,
            "sodUtc8": bid,
        }

    def _okx_told(self, market: str) -> Any:
        name = market.replace("/", "-")
        return {"arg": {"channel": "tickers", "instId": name}, "data": [self._okx_ticker(market)]}


def _number(text: str) -> float | None:
    return float(text) if text else None


def _kraken_id(market: str) -> str:
    names = {"BTC": "XXBT", "ETH": "XETH", "LTC": "XLTC", "XMR": "XXMR", "USD": "ZUSD"}
    return "".join(names.get(part, part) for part in market.split("/"))


def _kraken_pair(market: str) -> Any:
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


def _binance_symbol(market: str) -> Any:
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


def _okx_instrument(market: str) -> Any:
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
