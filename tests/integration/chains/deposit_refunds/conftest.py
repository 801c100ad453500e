"""Approved refunds of deposits that no order can use, and a wallet that can fail."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.refunds import BrokenWallet, started


@pytest.fixture
def wallet() -> BrokenWallet:
    return BrokenWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: BrokenWallet) -> AsyncIterator[PayoutWorld]:
    new_world = await started(database_urls, wallet)
    yield new_world
    new_world.close()
