"""A hot wallet on anvil that pays ether and tokens."""

import secrets
from pathlib import Path
from typing import Final

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from domain.chains.networks.evm import checksummed
from feeds.settlement.chains.evm.family import FAMILY
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.evm.transaction import address_of_key
from feeds.settlement.chains.evm.wallet import EvmWallet
from feeds.settlement.chains.interface import Chain
from tests.support.chains.nodes import Anvil

ETHER: Final = 10**18
ETH: Final = Asset("eth", "ETH", "Ethereum", "Ethereum", 8, 40_000, 50)
USDT: Final = Asset("usdt_erc20", "USDT", "Ethereum", "Tether", 6, 1_500_000, 50)


class HotWallet:
    """A hot wallet on anvil, which pays ether and tokens."""

    def __init__(self, anvil: Anvil, directory: Path) -> None:
        self.anvil = anvil
        key = secrets.token_bytes(32)
        self.address = checksummed("0x" + address_of_key(key).hex())
        self._key_file = directory / "hot.key"
        self._key_file.write_text(key.hex())
        self._key_file.chmod(0o600)
        anvil.call("anvil_setBalance", self.address, hex(100 * ETHER))

    def wallet(
        self, *, network: str = "Ethereum", token: str | None = None, max_fee_gwei: int = 500
    ) -> EvmWallet:
        assets = {"eth": EvmAssetSettings(18)}
        if token is not None:
            assets["usdt_erc20"] = EvmAssetSettings(6, token)
        settings = EvmSettings(
            nodes=(self.anvil.url, self.anvil.url),
            assets=assets,
            key_file=str(self._key_file),
            max_fee_gwei=max_fee_gwei,
            test_network="anvil",
        )
        wallet = FAMILY.wallet(Chain(NETWORKS[network], settings, {"eth": ETH, "usdt_erc20": USDT}))
        assert wallet is not None
        return wallet

    def balance(self) -> int:
        return self.anvil.balance(self.address)


def new_address() -> str:
    return checksummed("0x" + secrets.token_hex(20))
