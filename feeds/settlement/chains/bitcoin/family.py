"""Builds nodes, hot wallets and sweeps of Bitcoin's family from settings."""

from decimal import Decimal
from typing import Final

from domain.chains.networks.bitcoin import BY_NAME
from feeds.settlement.chains.bitcoin import settings as bitcoin_settings
from feeds.settlement.chains.bitcoin.identity import identity_check
from feeds.settlement.chains.bitcoin.node import BitcoinNode
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.bitcoin.sweep import CoinSweep, draft_sweep
from feeds.settlement.chains.bitcoin.wallet import BitcoinWallet
from feeds.settlement.chains.interface import Chain, SweepRequest
from feeds.settlement.chains.rpc import Rpc

SCAN_SECONDS: Final = 3_600
"""How long a node may scan the set of unspent outputs."""


class BitcoinFamily:
    """ChainFamily over Core's RPC."""

    settings = BitcoinSettings

    def check(self, chain: Chain[BitcoinSettings]) -> None:
        """See ChainFamily."""
        bitcoin_settings.check(chain)

    def node(self, chain: Chain[BitcoinSettings], url: str) -> BitcoinNode:
        """See ChainFamily."""
        network = BY_NAME[chain.network.name]
        rpc = Rpc(url)
        identity = identity_check(rpc, chain)
        return BitcoinNode(
            rpc,
            identity,
            network=network,
            asset=chain.settings.asset,
            scans=Rpc(url, seconds=SCAN_SECONDS),
        )

    def wallet(self, chain: Chain[BitcoinSettings]) -> BitcoinWallet | None:
        """See ChainFamily: the wallet of the first node."""
        settings = chain.settings
        if settings.wallet is None:
            return None
        fee_rate = Decimal(settings.fee_rate) if settings.fee_rate is not None else None
        rpc = Rpc(f"{settings.nodes[0].rstrip('/')}/wallet/{settings.wallet}")
        return BitcoinWallet(
            rpc,
            identity_check(rpc, chain),
            network=BY_NAME[chain.network.name],
            coin=chain.assets[settings.asset].coin,
            fee_rate=fee_rate,
            max_fee=Decimal(settings.max_fee),
        )

    async def draft_sweep(self, chain: Chain[BitcoinSettings], request: SweepRequest) -> CoinSweep:
        """See ChainFamily."""
        rpc = Rpc(chain.settings.nodes[0], seconds=SCAN_SECONDS)
        try:
            await identity_check(rpc, chain).require()
            return await draft_sweep(rpc, chain, request)
        finally:
            await rpc.close()


FAMILY: Final = BitcoinFamily()
