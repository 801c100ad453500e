"""A family of chains is one folder that nothing else names, and one module of networks."""

import ast
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from domain.chains import networks
from domain.chains.networks import NETWORKS
from feeds.settlement import chains
from feeds.settlement.chains.families import FAMILIES
from feeds.settlement.chains.interface import ChainFamily, Node, Wallet

ROOT = Path(__file__).parents[3]
PACKAGES = ("domain", "persistence", "feeds", "gateway", "cabinet_htmx", "bench")
FOLDER = Path(chains.__path__[0])
MODULES = {"family", "node", "settings", "sweep", "wallet"}

EVERY_FAMILY = pytest.mark.parametrize("name", FAMILIES)


def test_every_folder_of_chains_is_a_family() -> None:
    folders = {found.name for found in pkgutil.iter_modules(chains.__path__) if found.ispkg}
    assert set(FAMILIES) == folders >= {"bitcoin", "evm"}


@EVERY_FAMILY
def test_every_family_has_the_same_modules(name: str) -> None:
    assert {found.name for found in pkgutil.iter_modules([str(FOLDER / name)])} >= MODULES


@EVERY_FAMILY
def test_a_familys_settings_are_tagged_with_its_name(name: str) -> None:
    assert FAMILIES[name].settings.__struct_config__.tag == name


def test_networks_refer_to_existing_families_and_every_family_has_networks() -> None:
    referred = {network.family for network in NETWORKS.values()} - {None}
    assert referred == set(FAMILIES)


def test_nothing_outside_a_family_imports_it() -> None:
    for family in FAMILIES:
        package = f"{chains.__name__}.{family}"
        assert importers(package) <= {FOLDER / family}


def test_a_module_of_networks_is_imported_only_by_its_family() -> None:
    for found in pkgutil.iter_modules(networks.__path__):
        assert importers(f"{networks.__name__}.{found.name}") <= {FOLDER / found.name}


def test_nothing_outside_a_family_compares_with_its_name() -> None:
    own = (FOLDER, Path(networks.__path__[0]))
    with_names_of_chains = ROOT / "gateway" / "api" / "examples.py"
    for path in sources():
        if path.parent in own or path.parent.parent in own or path == with_names_of_chains:
            continue
        constants = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not constants & set(FAMILIES), path


@pytest.mark.parametrize(
    ("module", "protocol"), [("node", Node), ("wallet", Wallet), ("family", ChainFamily)]
)
def test_the_guide_lists_the_methods_of_each_interface(module: str, protocol: type) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    row = re.search(rf"\| `{module}\.py` \|.*\|(.*)\|", guide)
    assert row is not None
    methods = {name for name in vars(protocol) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)`", row[1])) == methods


def importers(package: str) -> set[Path]:
    """Return the folders with code that imports a package, or anything of it."""
    return {
        path.parent
        for path in sources()
        for imported in imports(path)
        if f"{imported}.".startswith(f"{package}.")
    }


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


@cache
def imports(path: Path) -> list[str]:
    """Return the full name of everything that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return names
