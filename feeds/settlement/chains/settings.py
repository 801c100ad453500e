"""The chains file: which nodes and hot wallets settlement has. TOML, one table per network."""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from domain.assets import Asset
from domain.chains.networks import NETWORKS
from feeds.settlement.chains.families import FAMILIES, kind_of
from feeds.settlement.chains.interface import (
    Chain,
    ChainFamily,
    ChainSettings,
    InvalidChainSettings,
)


def read_chains_file(path: Path) -> Mapping[str, ChainSettings]:
    """Return the file's settings by network; raise InvalidChainSettings.

    Others must not be able to read the file: URLs of nodes may contain passwords.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise InvalidChainSettings(f"{path} can be read by others: chmod 600 it")
            document = tomllib.load(file)
        chains = {network: _settings(table) for network, table in document.items()}
    except OSError as error:
        raise InvalidChainSettings(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidChainSettings(f"{path} cannot be used: {error}") from None
    _require_all_or_no_test_networks(chains)
    return chains


def _require_all_or_no_test_networks(chains: Mapping[str, ChainSettings]) -> None:
    """Raise InvalidChainSettings if some coins are worth nothing: they would buy real ones."""
    tests = [name for name, settings in chains.items() if settings.test_network is not None]
    if tests and len(tests) < len(chains):
        real = next(name for name in chains if name not in tests)
        raise InvalidChainSettings(
            f"{tests[0]} is a test network and {real} is not: worthless coins would be swapped for "
            "real ones"
        )


def _settings(table: Any) -> ChainSettings:
    kind = table.get("kind") if isinstance(table, dict) else None
    family = FAMILIES.get(str(kind))
    if family is None:
        raise msgspec.ValidationError(f"`kind` is one of {', '.join(FAMILIES)}")
    settings: ChainSettings = msgspec.convert(table, type=family.settings)
    return settings


def checked_chain(
    network: str,
    settings: ChainSettings,
    assets: Mapping[str, Asset],
    *,
    families: Mapping[str, ChainFamily[Any]] = FAMILIES,
) -> Chain[Any]:
    """Return a network with its settings; raise InvalidChainSettings if they do not fit it."""
    declared, kind = NETWORKS.get(network), kind_of(settings)
    if declared is None or declared.family != kind:
        raise InvalidChainSettings(f"{network} cannot be followed with the kind {kind}")
    for code in settings.codes:
        if code not in assets or assets[code].network != network:
            raise InvalidChainSettings(f"{network} has no asset {code}")
    chain = Chain(declared, settings, assets)
    _ = chain.identity
    families[kind].check(chain)
    return chain
