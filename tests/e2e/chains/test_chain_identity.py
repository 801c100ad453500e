"""Nothing is signed for, or read from, a node of another chain or with other token contracts."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from domain.chains.outflows import Candidate
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.evm.settings import EvmAssetSettings
from feeds.settlement.chains.evm.transaction import keccak
from feeds.settlement.chains.families import FAMILIES
from feeds.settlement.chains.interface import (
    Chain,
    InvalidChainSettings,
    Node,
    NodeUnavailable,
    Wallet,
    WrongChain,
)
from feeds.settlement.deposits.node_pair import NodePair
from tests.conftest import free_port
from tests.support.chains.anvil.two_anvils import (
    MAX_COST,
    TwoAnvils,
    deploy,
    payment,
    with_node,
    with_nodes,
    with_wallet,
)
from tests.support.chains.erc20 import assemble
from tests.support.chains.nodes import USER, Litecoind
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

LTC = Asset("ltc", "LTC", "Litecoin", "Litecoin", 8, 0, 0)


@pytest.fixture
def chains(tmp_path: Path) -> Iterator[TwoAnvils]:
    with ExitStack() as stack:
        yield TwoAnvils(tmp_path, stack)


def test_a_node_of_another_chain_receives_no_signed_transaction(chains: TwoAnvils) -> None:
    chains.proxy.node = chains.wrong

    async def pay(wallet: Wallet) -> None:
        with pytest.raises(WrongChain, match="its chain id is 137, not 31337"):
            await wallet.check_identity()
        await wallet.sign(payment(), max_cost=MAX_COST)

    with pytest.raises(WrongChain, match="its chain id is 137, not 31337"):
        with_wallet(chains.settings(), pay)
    assert "eth_sendRawTransaction" not in chains.proxy.methods
    assert chains.sent(chains.wrong) == 0


def test_nothing_is_signed_after_the_node_behind_a_url_was_replaced(chains: TwoAnvils) -> None:
    async def pay(wallet: Wallet) -> None:
        await wallet.check_identity()
        await wallet.broadcast(await wallet.sign(payment(), max_cost=MAX_COST))
        chains.right.call("evm_setAutomine", False)
        stuck = await wallet.sign(payment(nonce=1), max_cost=MAX_COST)
        await wallet.broadcast(stuck)
        chains.proxy.node = chains.wrong
        with pytest.raises(WrongChain):
            await wallet.sign(payment(nonce=1), max_cost=MAX_COST)
        chains.proxy.node = chains.right
        chains.proxy.alter = lambda method, _, result: "0x89" if method == "eth_chainId" else result
        signed = Candidate(stuck.raw, stuck.tx_id, datetime(2026, 1, 1, tzinfo=UTC))
        replaced = payment(nonce=1, candidates=(signed,))
        with pytest.raises(WrongChain):
            await wallet.raise_fee(replaced, stuck.tx_id, max_cost=MAX_COST)

    with_wallet(chains.settings(), pay)
    assert (chains.sent(chains.right), chains.sent(chains.wrong)) == (2, 0)


def test_a_signed_transaction_is_valid_on_the_declared_chain_only(chains: TwoAnvils) -> None:
    signed = with_wallet(
        chains.settings(), lambda wallet: wallet.sign(payment(), max_cost=MAX_COST)
    )
    with pytest.raises(AssertionError, match=r"chain[_ ]?[iI]d"):
        chains.wrong.call("eth_sendRawTransaction", signed.raw)
    assert chains.sent(chains.wrong) == 0
    assert chains.right.call("eth_sendRawTransaction", signed.raw) == signed.tx_id


def test_the_chain_id_of_a_signature_is_the_declared_one_whatever_the_node_reports(
    chains: TwoAnvils,
) -> None:
    reported = iter(["0x7a69"])

    def falsify(method: str, _: list[Any], result: Any) -> Any:
        return next(reported, "0x89") if method == "eth_chainId" else result

    chains.proxy.alter = falsify
    signed = with_wallet(
        chains.settings(), lambda wallet: wallet.sign(payment(), max_cost=MAX_COST)
    )
    assert chains.right.call("eth_sendRawTransaction", signed.raw) == signed.tx_id


def test_mainnet_settings_accept_no_node_of_a_test_network(chains: TwoAnvils) -> None:
    settings = chains.settings(test_network=None)
    with pytest.raises(WrongChain, match="its chain id is 31337, not 1"):
        with_wallet(settings, lambda wallet: wallet.check_identity())


@pytest.mark.parametrize("wrong", [0, 1])
def test_neither_of_the_two_nodes_may_follow_another_chain(chains: TwoAnvils, wrong: int) -> None:
    urls = [chains.right.url, chains.right.url]
    urls[wrong] = chains.wrong.url

    async def follow(own: Node, second: Node) -> None:
        pair = NodePair(own, second)
        for ask in (pair.check_identity, pair.heights):
            with pytest.raises(WrongChain, match="its chain id is 137, not 31337"):
                await ask()

    with_nodes(chains.settings(nodes=tuple(urls)), follow)


def test_a_node_is_checked_again_after_a_failed_call_and_only_then(chains: TwoAnvils) -> None:
    async def follow(node: Node) -> None:
        pair = NodePair(node, node)
        assert await pair.heights() == (1, 1)
        chains.proxy.node = chains.wrong
        assert await pair.heights() == (0, 0)
        chains.proxy.hold_before = "eth_blockNumber"
        heights = asyncio.ensure_future(pair.heights())
        await asyncio.to_thread(chains.proxy.held.wait, 30)
        chains.proxy.release()
        with pytest.raises(NodeUnavailable):
            await heights
        with pytest.raises(WrongChain, match="its chain id is 137"):
            await pair.heights()
        chains.proxy.node = chains.right
        assert await pair.heights() == (1, 1)

    with_node(chains.settings(), follow)


def token(contract: str, *, decimals: int = 6, code_hash: str | None = None) -> dict[str, Any]:
    return {"usdt_erc20": EvmAssetSettings(decimals, contract, code_hash)}


def test_tokens_must_have_the_contracts_of_the_settings(chains: TwoAnvils) -> None:
    code = bytes.fromhex(chains.right.call("eth_getCode", chains.token, "latest")[2:])
    code_hash = "0x" + keccak(code).hex()
    cases = {
        None: token(chains.token, code_hash=code_hash.upper().replace("0X", "0x")),
        "there is no contract of usdt_erc20": token("0x" + "11" * 20),
        "states 6 decimals, not 18": token(chains.token, decimals=18),
        f"has the hash {code_hash}, not 0xab": token(chains.token, code_hash="0xAB"),
        "states no decimals, not 6": token(deploy(chains.right, assemble("0x00 0x00 REVERT"))),
        "states no decimals, not 6 ": token(deploy(chains.right, b"\0")),
    }
    for reason, assets in cases.items():
        settings = chains.settings(assets=assets)
        if reason is None:
            with_node(settings, lambda node: node.check_identity())
            continue
        with pytest.raises(WrongChain, match=reason.strip()):
            with_node(settings, lambda node: node.check_identity())


def test_a_node_of_bitcoins_family_must_have_the_declared_genesis_block(tmp_path: Path) -> None:
    with ExitStack() as stack:
        litecoind = Litecoind(free_port(), tmp_path, stack)
        url = litecoind.url.replace("http://", f"http://{USER}:{USER}@")

        def settings(**changes: Any) -> BitcoinSettings:
            return BitcoinSettings(nodes=(url, url), asset="ltc", wallet="hot", **changes)

        def sign(network: str, given: BitcoinSettings) -> Any:
            chain = Chain(NETWORKS[network], given, {"ltc": LTC})

            async def run() -> Any:
                wallet = FAMILIES["bitcoin"].wallet(chain)
                assert wallet is not None
                try:
                    return await wallet.sign(
                        payment(asset=LTC, address=address, nonce=None), max_cost=MAX_COST
                    )
                finally:
                    await wallet.close()

            return asyncio.run(run())

        address = "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"
        with pytest.raises(WrongChain, match="its block 0 is 530827f3"):
            sign("Litecoin", settings())
        with pytest.raises(WrongChain, match="its block 0 is 530827f3"):
            sign("Bitcoin", settings(test_network="regtest"))
        assert litecoind.call("listlockunspent", wallet="hot") == []
        assert sign("Litecoin", settings(test_network="regtest")).raw


def test_a_network_without_a_declared_identity_is_not_followed() -> None:
    chain = Chain(NETWORKS["Zcash"], BitcoinSettings(nodes=("a", "b"), asset="zec"), {})
    with pytest.raises(InvalidChainSettings):
        _ = chain.identity
