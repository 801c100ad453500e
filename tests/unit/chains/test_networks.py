"""Every network declares all of its facts, in one place."""

import pkgutil
from importlib import import_module

import pytest

from domain.chains import networks
from domain.chains.network import Network
from domain.chains.networks import NETWORKS

DECLARED = [
    network
    for found in pkgutil.iter_modules(networks.__path__)
    for network in import_module(f"{networks.__name__}.{found.name}").NETWORKS
]

EVERY_NETWORK = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def test_every_declared_network_is_registered_once() -> None:
    assert len(DECLARED) == len(NETWORKS) > 0
    assert {network.name: network for network in DECLARED} == NETWORKS


@EVERY_NETWORK
def test_a_network_declares_its_address_forms_accounts_and_confirmations(network: Network) -> None:
    assert network.address_forms
    assert network.accounts
    assert network.confirmations >= 1


def test_the_names_of_chains_are_those_of_their_networks_in_lowercase() -> None:
    chains = {network.name: network.chain for network in NETWORKS.values()}
    assert chains == {name: name.lower().replace(" ", "") for name in NETWORKS}
    assert len(set(chains.values())) == len(chains)


@EVERY_NETWORK
def test_a_network_supports_each_kind_of_account_once(network: Network) -> None:
    kinds = [form.kind for form in network.accounts]
    assert len(set(kinds)) == len(kinds)


@EVERY_NETWORK
def test_orders_share_an_address_exactly_where_a_tag_tells_them_apart(network: Network) -> None:
    shared = network.account_form("one-address") is not None
    assert shared == (network.tag is not None)
    if network.tag is not None:
        assert network.tag.name


def test_only_networks_without_derivation_need_an_imported_pool() -> None:
    assert {name for name, one in NETWORKS.items() if one.live_account is None} == {"Solana"}
