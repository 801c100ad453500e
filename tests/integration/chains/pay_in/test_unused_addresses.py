"""Real nodes prove which addresses nobody ever paid to: anvil and litecoind."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from feeds.settlement.chains.bitcoin import family as bitcoin
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.evm import family as evm
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.interface import Chain
from feeds.settlement.deposits.node_pair import NodePair
from tests.conftest import free_port
from tests.support.chains.anvil.hot_wallet import ETH, ETHER, USDT, new_address
from tests.support.chains.nodes import USER, Anvil, Litecoind, main_address
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

LTC = Asset("ltc", "LTC", "Litecoin", "Litecoin", 8, 10_000, 50)


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with ExitStack() as stack:
        yield Anvil(free_port(), tmp_path_factory.mktemp("anvil"), stack)


@pytest.fixture(scope="module")
def litecoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litecoind]:
    with ExitStack() as stack:
        yield Litecoind(free_port(), tmp_path_factory.mktemp("litecoind"), stack)


async def test_a_node_of_an_evm_network_knows_every_address_that_was_paid_to(anvil: Anvil) -> None:
    token = anvil.deploy()
    unused, coins, tokens, emptied = (new_address() for _ in range(4))
    anvil.receipt(anvil.send(coins, 1))
    anvil.set_token_balance(token, anvil.user_address, 1_000)
    anvil.receipt(anvil.send_token(token, tokens, 1))
    anvil.receipt(anvil.send(emptied, ETHER))
    anvil.call("anvil_impersonateAccount", emptied)
    anvil.receipt(anvil.send(anvil.user_address, ETHER // 2, sender=emptied))
    anvil.call("anvil_setBalance", emptied, "0x0")
    settings = EvmSettings(
        nodes=(anvil.url, anvil.url),
        assets={"eth": EvmAssetSettings(18), "usdt_erc20": EvmAssetSettings(6, token)},
        test_network="anvil",
    )
    chain = Chain(NETWORKS["Ethereum"], settings, {"eth": ETH, "usdt_erc20": USDT})
    nodes = [evm.FAMILY.node(chain, anvil.url) for _ in range(2)]
    try:
        pair = NodePair(nodes[0], nodes[1])
        assert await pair.unused([unused, coins, tokens, emptied]) == {unused}
    finally:
        for node in nodes:
            await node.close()


async def test_a_node_of_bitcoins_family_knows_every_address_with_coins(
    litecoind: Litecoind,
) -> None:
    unused, paid = (litecoind.address("hot") for _ in range(2))
    litecoind.pay("user", paid, "0.1")
    litecoind.mine()
    url = litecoind.url.replace("http://", f"http://{USER}:{USER}@")
    settings = BitcoinSettings(nodes=(url, url), asset="ltc", test_network="regtest")
    node = bitcoin.FAMILY.node(Chain(NETWORKS["Litecoin"], settings, {"ltc": LTC}), url)
    addresses = [main_address(one) for one in (unused, paid)]
    try:
        assert await node.unused(addresses) == {addresses[0]}
    finally:
        await node.close()
