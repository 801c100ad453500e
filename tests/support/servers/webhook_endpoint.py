"""A partner's webhook endpoint whose responses the test decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from aiohttp import web

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ReceivedRequest(msgspec.Struct):
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> UUID:
        return UUID(self.headers["X-Partner-Webhook-Id"])


class Endpoint:
    """Records every request, then responds by `respond`."""

    def __init__(self) -> None:
        self.requests: list[ReceivedRequest] = []
        self.respond: Respond = accept
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(ReceivedRequest(dict(request.headers), await request.read()))
        return await self.respond(request)

    def ids(self) -> list[UUID]:
        """Return the ids of the events received, repeated ones too."""
        return [request.event_id for request in self.requests]


@asynccontextmanager
async def serving_endpoint() -> AsyncIterator[Endpoint]:
    """Serve an endpoint on a free port of loopback."""
    endpoint = Endpoint()
    application = web.Application()
    application.router.add_post("/hook", endpoint.handle)
    runner = web.AppRunner(application, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


async def accept(_: web.Request) -> web.StreamResponse:
    return web.Response(text="thanks")


async def fail(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def hang(_: web.Request) -> web.StreamResponse:
    """Do not respond until the client disconnects."""
    await asyncio.Event().wait()
    return web.Response()
