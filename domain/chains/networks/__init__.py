"""All networks: one module per family of chains, each with its NETWORKS.

A module added to this package is found by itself: nothing else lists them.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from domain.chains.network import Network


def _declared() -> dict[str, Network]:
    modules = [
        import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    return {network.name: network for module in modules for network in module.NETWORKS}


NETWORKS: Final[Mapping[str, Network]] = MappingProxyType(_declared())
"""Every network by its name."""
