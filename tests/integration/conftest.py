"""Fixtures of webhook delivery, of a partner's endpoint, and of the ledger."""

from collections.abc import AsyncIterator

import pytest

from persistence.valkey.client import connect
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.ledger import Books, opened_books
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint, serving_endpoint


@pytest.fixture
async def world(servers: Servers, database_urls: DatabaseUrls) -> AsyncIterator[World]:
    valkey = connect(servers.valkey.url)
    await valkey.flushall()
    world = World(database_urls, valkey)
    yield world
    world.close()
    await valkey.aclose(close_connection_pool=True)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
async def books(database_urls: DatabaseUrls) -> AsyncIterator[Books]:
    async with opened_books(database_urls) as books:
        yield books
