"""A world to deliver webhooks in, a partner's endpoint in it, and books to keep."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from persistence.valkey.client import connect
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.ledger import Books, opened_books
from tests.support.builders.webhook_world import Receiver, World


@pytest.fixture
async def world(servers: Servers, database_urls: DatabaseUrls) -> AsyncIterator[World]:
    valkey = connect(servers.valkey.url)
    await valkey.flushall()
    world = World(database_urls, valkey)
    yield world
    world.close()
    await valkey.aclose(close_connection_pool=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def books(database_urls: DatabaseUrls) -> AsyncIterator[Books]:
    async with opened_books(database_urls) as books:
        yield books
