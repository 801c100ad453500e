"""The world of the tests of orders."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import DatabaseUrls
from tests.support.builders.order_world import OrderWorld
from tests.support.builders.records import stored_partner


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[OrderWorld]:
    world = OrderWorld(database_urls)
    await world.refunds(on=True)
    world.rates()
    world.partner = await stored_partner(world.admin, webhook_url="https://example.org")
    yield world
    for database in (world.gateway, world.settlement, world.admin):
        database.close()
