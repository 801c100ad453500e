"""Makes nodes, watches and hot wallets from what the operator has set."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from domain.actions.orders.ports import SettlementPorts
from domain.assets import Asset
from domain.chains.networks.bitcoin import BY_NAME
from domain.chains.transfers import ChainRepository, ConnectedAsset, OutflowRepository
from feeds.settlement.chains.bitcoin.node import BitcoinNode
from feeds.settlement.chains.bitcoin.wallet import BitcoinWallet
from feeds.settlement.chains.evm.node import EvmAsset, EvmNode, address_bytes
from feeds.settlement.chains.evm.signers import KeyFile, SignerCommand
from feeds.settlement.chains.evm.wallet import EvmSigner, EvmWallet
from feeds.settlement.chains.interface import Node, Wallet
from feeds.settlement.chains.payout_ports import PayoutPorts
from feeds.settlement.chains.payouts import Payouts
from feeds.settlement.chains.rpc import Rpc
from feeds.settlement.chains.settings import (
    BitcoinSettings,
    ChainSettings,
    EvmSettings,
    check_chain,
)
from feeds.settlement.chains.watch import ChainWatch, Watching


class Connected(msgspec.Struct, frozen=True):
    """The chains that settlement follows, and those it pays out on."""

    watches: Mapping[str, ChainWatch]
    payouts: Mapping[str, Payouts]
    assets: tuple[ConnectedAsset, ...]
    connections: tuple[Rpc, ...]

    async def close(self) -> None:
        """Close the connections to all nodes."""
        for rpc in self.connections:
            await rpc.close()


def connect_chains(
    chains: Mapping[str, ChainSettings],
    *,
    ports: SettlementPorts,
    book: ChainRepository,
    outflows: OutflowRepository,
) -> Connected:
    """Return watchers and payouts without calling a node yet.

    Raises InvalidChainSettings and InvalidKeyFile.
    """
    assets = ports.market.catalogue.assets
    connections: list[Rpc] = []
    watches: dict[str, ChainWatch] = {}
    wallets: dict[str, Wallet] = {}
    for network, chain in chains.items():
        check_chain(network, chain, assets)
        rpcs = [Rpc(url) for url in chain.nodes]
        connections += rpcs
        nodes = [_node(network, chain, rpc, assets) for rpc in rpcs]
        watches[network] = ChainWatch(
            Watching(
                network=network,
                nodes=(nodes[0], nodes[1]),
                ports=ports,
                book=book,
                vanish_after=timedelta(seconds=chain.vanish_after_seconds),
                first_height=chain.first_height,
            )
        )
        wallet_rpc = Rpc(_wallet_url(chain))
        wallet = _wallet(network, chain, wallet_rpc, assets)
        if wallet is not None:
            connections.append(wallet_rpc)
            wallets[network] = wallet
    payouts = {
        network: Payouts(
            PayoutPorts(
                network=network,
                wallet=wallet,
                watches=watches,
                ports=ports,
                chains=book,
                outflows=outflows,
                raise_fee_after=timedelta(seconds=chains[network].raise_fee_after_seconds),
            )
        )
        for network, wallet in wallets.items()
    }
    known = tuple(
        ConnectedAsset(code, receives=True, sends=network in wallets)
        for network, chain in chains.items()
        for code in chain.codes
    )
    return Connected(watches, payouts, known, tuple(connections))


def _node(network: str, chain: ChainSettings, rpc: Rpc, assets: Mapping[str, Asset]) -> Node:
    if isinstance(chain, BitcoinSettings):
        return BitcoinNode(rpc, network=BY_NAME[network], asset=chain.asset)
    return EvmNode(rpc, evm_assets(chain, assets))


def _wallet(
    network: str, chain: ChainSettings, rpc: Rpc, assets: Mapping[str, Asset]
) -> Wallet | None:
    if isinstance(chain, BitcoinSettings):
        if chain.wallet is None:
            return None
        fee_rate = Decimal(chain.fee_rate) if chain.fee_rate is not None else None
        max_fee = Decimal(chain.max_fee)
        return BitcoinWallet(rpc, network=BY_NAME[network], fee_rate=fee_rate, max_fee=max_fee)
    signer = _signer(chain)
    if signer is None:
        return None
    return EvmWallet(rpc, signer, evm_assets(chain, assets), max_fee_gwei=chain.max_fee_gwei)


def _wallet_url(chain: ChainSettings) -> str:
    own = chain.nodes[0].rstrip("/")
    if isinstance(chain, BitcoinSettings) and chain.wallet is not None:
        return f"{own}/wallet/{chain.wallet}"
    return own


def _signer(chain: EvmSettings) -> EvmSigner | None:
    if chain.signer is not None and chain.address is not None:
        return SignerCommand(chain.signer, address_bytes(chain.address))
    return KeyFile(Path(chain.key_file)) if chain.key_file is not None else None


def evm_assets(chain: EvmSettings, assets: Mapping[str, Asset]) -> list[EvmAsset]:
    """Return the assets of a network as it counts them."""
    return [
        EvmAsset(
            code,
            one.contract.lower() if one.contract is not None else None,
            10 ** (one.decimals - assets[code].precision),
        )
        for code, one in chain.assets.items()
    ]
