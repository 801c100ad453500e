"""The file that says which nodes and hot wallets settlement has: TOML, one table a network."""

import os
import stat
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from domain.assets import Asset
from domain.chains.networks import NETWORKS


class InvalidChainSettings(Exception):
    """The file can't be used; the text says why, and repeats nothing secret."""


class EvmAssetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many decimals an asset has on its chain, and a token's contract."""

    decimals: int
    contract: str | None = None


class EvmSettings(
    msgspec.Struct, frozen=True, tag="evm", tag_field="kind", forbid_unknown_fields=True
):
    """An EVM network. Without a key nothing is paid out on it."""

    nodes: tuple[str, str]
    """Two nodes; the first is our own, the second is asked whether it tells the same."""
    assets: dict[str, EvmAssetSettings]
    key_file: str | None = None
    """A private key of 32 bytes in hex, mode 0600."""
    signer: list[str] | None = None
    """A command that signs instead; it needs `address`."""
    address: str | None = None
    max_fee_gwei: int = 500
    raise_fee_after_seconds: float = 300
    """What no block has taken so long is replaced by the same with a higher fee."""
    vanish_after_seconds: float = 600
    first_height: int | None = None

    def __repr__(self) -> str:
        """Hide the URLs: they may hold passwords."""
        return "EvmSettings(...)"

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the assets that are followed."""
        return tuple(self.assets)


class BitcoinSettings(
    msgspec.Struct, frozen=True, tag="bitcoin", tag_field="kind", forbid_unknown_fields=True
):
    """A network of bitcoin's family; its nodes have txindex=1."""

    nodes: tuple[str, str]
    asset: str
    wallet: str | None = None
    """The hot wallet's name on the first node; without it nothing is paid out."""
    fee_rate: str | None = None
    """Coins a kvB; without it the node estimates."""
    max_fee: str = "0.01"
    raise_fee_after_seconds: float = 3_600
    """As on EVM networks; only where nodes take replacements, Bitcoin and Litecoin."""
    vanish_after_seconds: float = 600
    first_height: int | None = None

    def __repr__(self) -> str:
        """Hide the URLs: they may hold passwords."""
        return "BitcoinSettings(...)"

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the assets that are followed."""
        return (self.asset,)


ChainSettings = EvmSettings | BitcoinSettings


def read_chains_file(path: Path) -> Mapping[str, ChainSettings]:
    """Return what the file says, by network; raise InvalidChainSettings.

    Others must not be able to read it: node URLs may hold passwords.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise InvalidChainSettings(f"{path} can be read by others: chmod 600 it")
            document = tomllib.load(file)
        return msgspec.convert(document, type=dict[str, ChainSettings])
    except OSError as error:
        raise InvalidChainSettings(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidChainSettings(f"{path} can't be used: {error}") from None


def check_chain(network: str, chain: ChainSettings, assets: Mapping[str, Asset]) -> None:
    """Raise InvalidChainSettings for what doesn't fit the catalogue."""
    for code in chain.codes:
        if code not in assets or assets[code].network != network:
            raise InvalidChainSettings(f"{network} has no asset {code}")
    if isinstance(chain, BitcoinSettings):
        _check_bitcoin(network, chain)
        return
    for code, one in chain.assets.items():
        if one.decimals < assets[code].precision:
            raise InvalidChainSettings(f"{code} has {assets[code].precision} decimals or more")
    if chain.signer is not None and chain.address is None:
        raise InvalidChainSettings(f"{network}: a signer needs the hot wallet's address")


def _check_bitcoin(network: str, chain: BitcoinSettings) -> None:
    declared = NETWORKS.get(network)
    if declared is None or declared.family != "bitcoin":
        raise InvalidChainSettings(f"{network} can't be followed as one of bitcoin's family")
    try:
        for text in (chain.fee_rate or "0", chain.max_fee):
            Decimal(text)
    except InvalidOperation:
        raise InvalidChainSettings(f"{network}: fees are decimal numbers in quotes") from None
