"""Connects chains: builds nodes, watches and payouts from the operator's settings."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from domain.actions.orders.ports import SettlementPorts
from domain.chains.attempts import AttemptRepository
from domain.chains.leases import CurrentLease, LeaseRepository
from domain.chains.ports import AddressReuseRepository, ChainRepository, OutflowRepository
from domain.chains.transfers import ConnectedAsset
from domain.errors import Unavailable
from domain.money import USD_DECIMALS, units_of
from feeds.settlement.addresses.hot_wallet import HotWalletReport
from feeds.settlement.addresses.reuse import AddressReuse
from feeds.settlement.chains.families import FAMILIES, kind_of
from feeds.settlement.chains.interface import (
    Chain,
    ChainFamily,
    ChainSettings,
    InvalidChainSettings,
    Node,
    Wallet,
)
from feeds.settlement.chains.settings import checked_chain
from feeds.settlement.deposits.node_pair import NodePair
from feeds.settlement.deposits.ports import WatchPorts
from feeds.settlement.deposits.watch import ChainWatch
from feeds.settlement.payouts.fee_estimates import FeeEstimates, RecordEstimates
from feeds.settlement.payouts.leadership import Leadership
from feeds.settlement.payouts.payouts import Payouts
from feeds.settlement.payouts.ports import CostLimits, PayoutPorts


class ConnectedChains(msgspec.Struct, frozen=True):
    """The chains that settlement follows, and those it pays out on."""

    watches: Mapping[str, ChainWatch]
    payouts: Mapping[str, Payouts]
    fee_estimates: Mapping[str, FeeEstimates]
    assets: tuple[ConnectedAsset, ...]
    test_networks: Mapping[str, str]
    leaderships: Mapping[str, Leadership]
    address_reuse: Mapping[str, AddressReuse]
    hot_wallets: Mapping[str, HotWalletReport]
    connections: Sequence[Node | Wallet]

    async def close(self) -> None:
        """Let another process lead, and close the connections to all nodes."""
        for leadership in self.leaderships.values():
            with suppress(Unavailable):  # the leases expire by themselves
                await leadership.release()
        for connection in self.connections:
            await connection.close()


def connect_chains(
    settings: Mapping[str, ChainSettings],
    *,
    ports: SettlementPorts,
    repository: ChainRepository,
    leases: LeaseRepository,
    outflows: Callable[[CurrentLease], OutflowRepository],
    attempts: Callable[[CurrentLease], AttemptRepository],
    holder: str,
    record_estimates: RecordEstimates,
    address_reuse: AddressReuseRepository,
    families: Mapping[str, ChainFamily[Any]] = FAMILIES,
    monotonic: Callable[[], float] = time.monotonic,
) -> ConnectedChains:
    """Return watches and payouts without calling a node yet.

    `outflows` and `attempts` return repositories that write under a lease; `holder` names this
    process in its leases. `families` are by the kind of their settings. Raises
    InvalidChainSettings and InvalidKeyFile.
    """
    assets = ports.market.catalogue.assets
    chains = {
        name: checked_chain(name, given, assets, families=families)
        for name, given in settings.items()
    }
    family = {name: families[kind_of(given)] for name, given in settings.items()}
    nodes = {name: _nodes(family[name], chain) for name, chain in chains.items()}
    wallets = {
        name: wallet
        for name, chain in chains.items()
        if (wallet := family[name].wallet(chain)) is not None
    }
    watches = {
        name: ChainWatch(
            WatchPorts(
                nodes=NodePair(*nodes[name]),
                settlement=ports,
                chains=repository,
                network=name,
                drop_after=timedelta(seconds=chain.settings.drop_after_seconds),
                first_height=chain.settings.first_height,
                monotonic=monotonic,
            )
        )
        for name, chain in chains.items()
    }
    leaderships = {name: Leadership(leases, network=name, holder=holder) for name in wallets}
    payouts = {
        name: Payouts(
            PayoutPorts(
                network=name,
                wallet=wallet,
                watches=watches,
                settlement=ports,
                chains=repository,
                outflows=outflows(leaderships[name].lease_of_round),
                leadership=leaderships[name],
                attempts=attempts(leaderships[name].lease_of_round),
                cost_limits=cost_limits(name, chains[name].settings),
                raise_fee_after=timedelta(seconds=chains[name].settings.raise_fee_after_seconds),
            )
        )
        for name, wallet in wallets.items()
    }
    return ConnectedChains(
        watches,
        payouts,
        {
            name: FeeEstimates(
                wallet=wallet,
                codes=chains[name].settings.codes,
                market=ports.market,
                record=record_estimates,
            )
            for name, wallet in wallets.items()
        },
        tuple(
            ConnectedAsset(code, receives=True, sends=name in payouts)
            for name, chain in chains.items()
            for code in chain.settings.codes
        ),
        {
            name: given.test_network
            for name, given in settings.items()
            if given.test_network is not None
        },
        leaderships,
        {
            name: AddressReuse(
                address_reuse,
                NodePair(*nodes[name]),
                network=name,
                is_reliable=watch.is_reliable,
                to_thread=asyncio.to_thread,
            )
            for name, watch in watches.items()
        },
        {
            name: HotWalletReport(wallet, network=name, add=repository.add_hot_wallet)
            for name, wallet in wallets.items()
        },
        [*(node for pair in nodes.values() for node in pair), *wallets.values()],
    )


def _nodes(family: ChainFamily[Any], chain: Chain[Any]) -> tuple[Node, Node]:
    own, second = chain.settings.nodes
    return family.node(chain, own), family.node(chain, second)


def cost_limits(network: str, settings: ChainSettings) -> CostLimits:
    """Return what transactions of a network may cost; raise InvalidChainSettings."""
    try:
        min_usd = units_of(Decimal(settings.min_cost_bound_usd), USD_DECIMALS)
    except (InvalidOperation, ValueError):
        raise InvalidChainSettings(
            f"{network}: `min_cost_bound_usd` is a decimal number in quotes"
        ) from None
    if settings.max_cost_multiple < 1:
        raise InvalidChainSettings(f"{network}: `max_cost_multiple` is 1 or more")
    return CostLimits(settings.max_cost_multiple, min_usd)
