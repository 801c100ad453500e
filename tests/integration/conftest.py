"""Fixtures of webhook delivery, of a partner's endpoint, of the ledger and of database pools."""

from collections.abc import AsyncIterator

import pytest

from persistence.postgres import pool
from persistence.valkey.connection.client import connect
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.ledger import Books, opened_books
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint, serving_endpoint


@pytest.fixture(autouse=True)
def patient_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls wait for a connection: only the tests of shedding depend on the pool's bound."""
    monkeypatch.setattr(pool, "WAIT_FOR_CONNECTION_SECONDS", 60)


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
