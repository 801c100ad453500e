"""Builds nodes, hot wallets and sweeps of EVM networks from settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from domain.chains.networks.evm import BY_NAME
from feeds.settlement.chains.evm import settings as evm_settings
from feeds.settlement.chains.evm.addresses import address_bytes
from feeds.settlement.chains.evm.assets import evm_assets
from feeds.settlement.chains.evm.gas import GasPricing
from feeds.settlement.chains.evm.identity import identity_check
from feeds.settlement.chains.evm.node import EvmNode
from feeds.settlement.chains.evm.settings import EvmSettings, chain_id_of
from feeds.settlement.chains.evm.signers import KeyFile, SignerCommand
from feeds.settlement.chains.evm.sweep import UnsignedTransfer, draft_sweep
from feeds.settlement.chains.evm.wallet import EvmSigner, EvmWallet
from feeds.settlement.chains.interface import Chain, SweepRequest
from feeds.settlement.chains.rpc import Rpc


class EvmFamily:
    """ChainFamily over JSON-RPC."""

    settings = EvmSettings

    def check(self, chain: Chain[EvmSettings]) -> None:
        """See ChainFamily."""
        evm_settings.check(chain)

    def node(self, chain: Chain[EvmSettings], url: str) -> EvmNode:
        """See ChainFamily."""
        rpc, assets = Rpc(url), evm_assets(chain)
        return EvmNode(rpc, assets, identity_check(rpc, chain, assets))

    def wallet(self, chain: Chain[EvmSettings]) -> EvmWallet | None:
        """See ChainFamily: a key file, or an external signer."""
        signer = _signer(chain.settings)
        if signer is None:
            return None
        rpc, network = Rpc(chain.settings.nodes[0]), BY_NAME[chain.network.name]
        return EvmWallet(
            rpc,
            signer,
            evm_assets(chain),
            identity=identity_check(rpc, chain),
            chain_id=chain_id_of(chain),
            network=network,
            pricing=GasPricing(
                rpc, max_fee_gwei=chain.settings.max_fee_gwei, has_l1_fee=network.has_l1_fee
            ),
        )

    async def draft_sweep(
        self, chain: Chain[EvmSettings], request: SweepRequest
    ) -> Sequence[UnsignedTransfer]:
        """See ChainFamily."""
        rpc = Rpc(chain.settings.nodes[0])
        try:
            await identity_check(rpc, chain, evm_assets(chain)).require()
            return await draft_sweep(rpc, chain, request)
        finally:
            await rpc.close()


def _signer(settings: EvmSettings) -> EvmSigner | None:
    if settings.signer is not None and settings.address is not None:
        return SignerCommand(settings.signer, address_bytes(settings.address))
    return KeyFile(Path(settings.key_file)) if settings.key_file is not None else None


FAMILY: Final = EvmFamily()
