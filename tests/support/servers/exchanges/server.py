"""Four simulated exchanges: HTTP and WebSocket servers that respond in their formats."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Final

from aiohttp import WSMsgType, web

from tests.support.servers.exchanges import binance, coinbase, kraken, okx
from tests.support.servers.exchanges.books import MARKETS, Books, Trouble

FORMATS: Final[Mapping[str, ModuleType]] = {
    "kraken": kraken,
    "coinbase": coinbase,
    "binance": binance,
    "okx": okx,
}
STREAM_NAMES: Final = {
    "kraken": "{}/{}",
    "coinbase": "{}-{}",
    "binance": "{}{}@ticker",
    "okx": "{}-{}",
}
STREAM_SECONDS: Final = 0.2


class Exchanges(Books):
    """Serves all four on one loopback port below /<venue>/."""

    def __init__(self) -> None:
        super().__init__()
        self.silent_streams: set[str] = set()
        self.requests: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Exchanges"]:
        application = web.Application()
        for path in ("/{venue}", "/{venue}/{path:.*}"):
            application.router.add_get(path, self._respond)
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

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        venue, path = request.match_info["venue"], request.match_info.get("path", "")
        self.requests.append(f"{venue}/{path}")
        trouble = self.troubles.get(venue)
        if trouble is Trouble.UNAVAILABLE:
            raise web.HTTPServiceUnavailable
        if trouble is Trouble.HANGS:
            await asyncio.sleep(600)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request, venue)
        if trouble is Trouble.GARBAGE:
            return web.Response(body=b"<html>\xff maintenance", content_type="application/json")
        if request.query.get("product_type") == "FUTURE":
            return web.json_response({"products": [], "num_products": 0})
        document = FORMATS[venue].response(self, path)
        if document is None:
            raise web.HTTPNotFound
        return web.json_response(document)

    async def _stream(self, request: web.Request, venue: str) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        subscribed: set[str] = set()
        listening = asyncio.create_task(self._listen(socket, venue, subscribed))
        try:
            while not socket.closed:
                trouble = self.troubles.get(venue)
                if trouble is Trouble.UNAVAILABLE:
                    await socket.close()
                    break
                if trouble is Trouble.GARBAGE:
                    await socket.send_str('{"channel": 7, "data": [], "e": null}')
                elif trouble is not Trouble.HANGS and venue not in self.silent_streams:
                    for market in sorted(subscribed):
                        await socket.send_json(FORMATS[venue].stream_message(self, market))
                await asyncio.sleep(STREAM_SECONDS)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            listening.cancel()
        return socket

    async def _listen(
        self, socket: web.WebSocketResponse, venue: str, subscribed: set[str]
    ) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT or not message.data.startswith("{"):
                continue
            request = json.loads(message.data)
            if request.get("method") == "ping":
                await socket.send_json({"method": "pong", "req_id": request.get("req_id")})
            text = json.dumps(request).lower()
            subscribed.update(
                market
                for market in MARKETS[venue]
                if f'"{STREAM_NAMES[venue].format(*market.split("/"))}"'.lower() in text
            )
