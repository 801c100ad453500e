"""Ethereum's node and hot wallet on anvil, without the service; and an anvil of another chain."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from domain.chains.outflows import Outflow, OutflowKind
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.evm.transaction import address_of_key
from feeds.settlement.chains.families import FAMILIES
from feeds.settlement.chains.interface import Chain, Node, Wallet
from tests.conftest import free_port
from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.nodes import Anvil

T = TypeVar("T")

ETHER = 10**18
MAX_COST = ETHER // 10
POLYGON = 137
KEY = bytes(range(1, 33))
HOT = "0x" + address_of_key(KEY).hex()
ETH = Asset("eth", "ETH", "Ethereum", "Ethereum", 8, 0, 0)
USDT = Asset("usdt_erc20", "USDT", "Ethereum", "Tether", 6, 0, 0)


class TwoAnvils:
    """Two anvils with different chain ids, and a proxy that forwards to either of them."""

    def __init__(self, directory: Path, started: ExitStack) -> None:
        self.right = Anvil(free_port(), directory, started)
        self.wrong = Anvil(free_port(), directory, started, chain_id=POLYGON)
        for node in (self.right, self.wrong):
            node.call("anvil_setBalance", HOT, hex(1_000 * ETHER))
        self.proxy = NodeProxy(self.right, free_port())
        started.callback(self.proxy.close)
        self.token = self.right.deploy()
        self.key_file = directory / "hot.key"
        self.key_file.write_text(KEY.hex())
        self.key_file.chmod(0o600)

    def settings(self, **changes: Any) -> EvmSettings:
        values: dict[str, Any] = {
            "nodes": (self.proxy.url, self.proxy.url),
            "assets": {"eth": EvmAssetSettings(18)},
            "key_file": str(self.key_file),
            "test_network": "anvil",
            **changes,
        }
        return EvmSettings(**values)

    def sent(self, node: Anvil) -> int:
        return int(node.call("eth_getTransactionCount", HOT, "pending"), 16)


def ethereum(settings: EvmSettings) -> Chain[Any]:
    return Chain(NETWORKS["Ethereum"], settings, {"eth": ETH, "usdt_erc20": USDT})


def with_wallet(settings: EvmSettings, work: Callable[[Wallet], Awaitable[T]]) -> T:
    """Run `work` with the hot wallet of the settings."""

    async def run() -> T:
        wallet = FAMILIES["evm"].wallet(ethereum(settings))
        assert wallet is not None
        try:
            return await work(wallet)
        finally:
            await wallet.close()

    return asyncio.run(run())


def payment(**changes: Any) -> Outflow:
    values: dict[str, Any] = {
        "order_id": uuid4(),
        "kind": OutflowKind.PAYOUT,
        "asset": ETH,
        "address": "0x" + "7a" * 20,
        "tag": None,
        "amount": 10**8,
        "nonce": 0,
        **changes,
    }
    return Outflow(**values)


def with_node(settings: EvmSettings, work: Callable[[Node], Awaitable[T]]) -> T:
    """Run `work` with the first node of the settings."""
    return with_nodes(settings, lambda node, _: work(node))


def with_nodes(settings: EvmSettings, work: Callable[[Node, Node], Awaitable[T]]) -> T:
    """Run `work` with both nodes of the settings."""

    async def run() -> T:
        own, second = (FAMILIES["evm"].node(ethereum(settings), url) for url in settings.nodes)
        try:
            return await work(own, second)
        finally:
            await own.close()
            await second.close()

    return asyncio.run(run())


def deploy(anvil: Anvil, runtime: bytes) -> str:
    """Set the code of an address; return the address."""
    address = "0x" + uuid4().hex.rjust(40, "0")
    set_code(anvil, address, runtime)
    return address


def set_code(anvil: Anvil, address: str, runtime: bytes) -> None:
    anvil.call("anvil_setCode", address, "0x" + runtime.hex())
