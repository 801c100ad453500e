"""All families of chains: every folder beside this module, by the FAMILY of its `family` module."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from feeds.settlement import chains
from feeds.settlement.chains.interface import ChainFamily, ChainSettings


def _discovered() -> dict[str, ChainFamily[Any]]:
    return {
        found.name: import_module(f"{chains.__name__}.{found.name}.family").FAMILY
        for found in pkgutil.iter_modules(chains.__path__)
        if found.ispkg
    }


FAMILIES: Final[Mapping[str, ChainFamily[Any]]] = MappingProxyType(_discovered())
"""Every family by the name of its folder, which networks and settings refer to."""


def kind_of(settings: ChainSettings) -> str:
    """Return the name of the family that settings are for."""
    return str(type(settings).__struct_config__.tag)


def family_of(settings: ChainSettings) -> ChainFamily[Any]:
    """Return the family that settings are for."""
    return FAMILIES[kind_of(settings)]
