"""Payouts of a hot wallet on anvil, from orders in a real PostgreSQL."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from feeds.settlement.chains.evm.wallet import EvmWallet
from tests.conftest import DatabaseUrls, free_port
from tests.support.chains.anvil.hot_wallet import HotWallet
from tests.support.chains.nodes import Anvil
from tests.support.chains.payout_world import PayoutWorld


@pytest.fixture(scope="module")
def one_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with ExitStack() as stack:
        yield Anvil(free_port(), tmp_path_factory.mktemp("anvil"), stack)


@pytest.fixture
def anvil(one_anvil: Anvil) -> Iterator[Anvil]:
    """The module's anvil as it was at its start."""
    snapshot = one_anvil.call("evm_snapshot")
    yield one_anvil
    one_anvil.call("evm_setAutomine", True)
    one_anvil.call("evm_revert", snapshot)


@pytest.fixture
def hot(anvil: Anvil, tmp_path: Path) -> HotWallet:
    return HotWallet(anvil, tmp_path)


@pytest_asyncio.fixture
async def connect(
    database_urls: DatabaseUrls,
) -> AsyncIterator[Callable[[EvmWallet], PayoutWorld]]:
    worlds: list[PayoutWorld] = []

    def connected(wallet: EvmWallet) -> PayoutWorld:
        worlds.append(PayoutWorld(database_urls, wallet, network="Ethereum"))
        return worlds[-1]

    yield connected
    for world in worlds:
        assert isinstance(world.wallet, EvmWallet)
        await world.wallet.close()
        world.close()
