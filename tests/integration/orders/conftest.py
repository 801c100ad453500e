"""The world of the tests of orders."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import DatabaseUrls
from tests.support.builders.order_world import MIN_USD, OrderWorld
from tests.support.builders.records import stored_partner


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[OrderWorld]:
    world = OrderWorld(database_urls)
    await world.set_operator(f"refunds = true, min_usd = {MIN_USD}")
    world.rates()
    world.partner = await stored_partner(world.admin, webhook_url="https://example.org")
    yield world
    for database in (world.gateway, world.settlement, world.admin):
        database.close()
