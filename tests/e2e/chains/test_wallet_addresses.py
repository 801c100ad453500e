"""Addresses of a hot wallet on litecoind: those that others may know, in the form of mainnet."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.families import FAMILIES
from feeds.settlement.chains.interface import Chain
from tests.conftest import free_port
from tests.support.chains.nodes import USER, Litecoind, main_address
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes
LTC = Asset("ltc", "LTC", "Litecoin", "Litecoin", 8, 0, 0)


@pytest.fixture(scope="module")
def litecoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litecoind]:
    with ExitStack() as started:
        yield Litecoind(free_port(), tmp_path_factory.mktemp("litecoind"), started)


def own_addresses(litecoind: Litecoind) -> frozenset[str]:
    url = litecoind.url.replace("http://", f"http://{USER}:{USER}@")
    settings = BitcoinSettings(nodes=(url, url), asset="ltc", wallet="hot", test_network="regtest")
    wallet = FAMILIES["bitcoin"].wallet(Chain(NETWORKS["Litecoin"], settings, {"ltc": LTC}))
    assert wallet is not None

    async def read() -> frozenset[str]:
        try:
            once = frozenset(await wallet.addresses())
            assert frozenset(await wallet.addresses()) == once
            return once
        finally:
            await wallet.close()

    return asyncio.run(read())


def test_an_address_is_own_from_when_it_was_handed_out(litecoind: Litecoind) -> None:
    unused = main_address(litecoind.address("hot"))
    others = main_address(litecoind.address("user"))
    found = own_addresses(litecoind)
    assert unused in found
    assert others not in found


@pytest.mark.parametrize(("form", "beginning"), [("legacy", "L"), ("p2sh-segwit", "M")])
def test_every_form_is_written_as_on_the_main_network(
    litecoind: Litecoind, form: str, beginning: str
) -> None:
    before = own_addresses(litecoind)
    litecoind.call("getnewaddress", "", form, wallet="hot")
    (new,) = own_addresses(litecoind) - before
    assert new.startswith(beginning)
    assert NETWORKS["Litecoin"].accepts(new)


def test_change_is_own_while_it_is_held_and_after_it_is_spent(litecoind: Litecoind) -> None:
    before = own_addresses(litecoind)
    for _ in range(2):
        litecoind.pay("hot", litecoind.address("user"), "1")
        litecoind.mine()
    change = own_addresses(litecoind) - before
    assert len(change) == 2
    held = {main_address(one["address"]) for one in litecoind.call("listunspent", wallet="hot")}
    assert len(change & held) == 1
