"""Settings of an EVM network."""

from typing import Final

import msgspec

from domain.chains.networks.evm import FAMILY
from feeds.settlement.chains.interface import Chain, ChainSettings, InvalidChainSettings

MAX_COIN_GAS: Final = 100_000
"""Enough for wallets that are contracts: most of them need less than 60,000."""
MAX_TOKEN_GAS: Final = 250_000
"""Enough for tokens behind proxies, with hooks or fees; on Arbitrum gas includes the data fee."""


class EvmAssetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many decimals an asset has on its chain, and a token's contract.

    The contract must state the same decimals. `code_hash`, the Keccak-256 of its code in hex, pins
    the code as well: of a proxy, the proxy's own.
    """

    decimals: int
    contract: str | None = None
    code_hash: str | None = None
    max_gas: int | None = None
    """The gas ceiling of its transfers; None for the default of coins or tokens."""

    @property
    def gas_ceiling(self) -> int:
        """Return how much gas a transfer may use."""
        if self.max_gas is not None:
            return self.max_gas
        return MAX_COIN_GAS if self.contract is None else MAX_TOKEN_GAS


class EvmSettings(ChainSettings, frozen=True, kw_only=True, tag=FAMILY):
    """A network with any of its assets. Without a key nothing is paid out."""

    assets: dict[str, EvmAssetSettings]
    key_file: str | None = None
    """A private key of 32 bytes in hex, mode 0600."""
    signer: list[str] | None = None
    """A command that signs instead; it needs `address`."""
    address: str | None = None
    """The hot wallet's address."""
    max_fee_gwei: int = 500
    raise_fee_after_seconds: float = 300

    @property
    def codes(self) -> tuple[str, ...]:
        """See ChainSettings."""
        return tuple(self.assets)


def chain_id_of(chain: Chain[EvmSettings]) -> int:
    """Return the chain id that is signed for (EIP-155): it is declared, never a node's.

    Raises InvalidChainSettings without one.
    """
    chain_id = chain.identity.chain_id
    if chain_id is None:
        raise InvalidChainSettings(f"{chain.network.name} has no chain id")
    return chain_id


def check(chain: Chain[EvmSettings]) -> None:
    """Raise InvalidChainSettings for too few decimals, and for a signer without an address.

    Also for a network without a chain id, and for a contract other than the one that the API states
    for the asset. Test networks have contracts of their own.
    """
    chain_id_of(chain)
    for code, asset in chain.settings.assets.items():
        precision = chain.assets[code].precision
        if asset.decimals < precision:
            raise InvalidChainSettings(f"{code} has {precision} decimals or more")
        if chain.settings.test_network is None:
            _require_contract(code, asset.contract, chain.assets[code].contract)
    if chain.settings.signer is not None and chain.settings.address is None:
        raise InvalidChainSettings(f"{chain.network.name}: a signer needs the hot wallet's address")


def _require_contract(code: str, configured: str | None, listed: str | None) -> None:
    """Raise InvalidChainSettings unless both are the same contract, in any case, or the coin."""
    if (configured or "").lower() != (listed or "").lower():
        expected = listed or "none, because it is a coin"
        raise InvalidChainSettings(
            f"the contract of {code} is {expected}, not {configured or 'none'}"
        )
