"""The simulated families of chains, for the composition of the real settlement."""

from collections.abc import Mapping
from typing import Any, Final

from feeds.settlement.chains.interface import Chain, ChainSettings, Node, SweepRequest, Wallet
from tests.simulation.chains.account_chain import AccountChain
from tests.simulation.chains.account_wallet import AccountWallet
from tests.simulation.chains.nodes import NodeState, SimulatedNode
from tests.simulation.chains.output_chain import OutputChain
from tests.simulation.chains.output_wallet import OutputWallet
from tests.simulation.world.scheduling import Process

ACCOUNTS: Final = "Ethereum"
OUTPUTS: Final = "Litecoin"
RAISE_FEE_AFTER: Final = 120
DROP_AFTER: Final = 60


class AccountSettings(ChainSettings, tag="evm", frozen=True, kw_only=True):
    """Settings of the chain of accounts, under the kind that its network declares."""

    @property
    def codes(self) -> tuple[str, ...]:
        """See ChainSettings."""
        return ("eth", "usdt_erc20", "usdc_erc20")


class OutputSettings(ChainSettings, tag="bitcoin", frozen=True, kw_only=True):
    """Settings of the chain of outputs, likewise."""

    @property
    def codes(self) -> tuple[str, ...]:
        """See ChainSettings."""
        return ("ltc",)


def settings() -> Mapping[str, ChainSettings]:
    """Return the operator's settings of both chains."""
    values: dict[str, Any] = {
        "nodes": ("own", "second"),
        "raise_fee_after_seconds": RAISE_FEE_AFTER,
        "drop_after_seconds": DROP_AFTER,
        "first_height": 1,
    }
    return {ACCOUNTS: AccountSettings(**values), OUTPUTS: OutputSettings(**values)}


class SimulatedFamily:
    """ChainFamily whose nodes and wallets belong to one process."""

    settings: type[ChainSettings]

    def __init__(self, process: Process, nodes: Mapping[str, NodeState]) -> None:
        self._process = process
        self._nodes = nodes

    def check(self, chain: Chain[Any]) -> None:
        """See ChainFamily."""

    def node(self, chain: Chain[Any], url: str) -> Node:  # noqa: ARG002
        """See ChainFamily."""
        reads_mempool = self.settings is OutputSettings
        return SimulatedNode(self._process, self._nodes[url], reads_mempool=reads_mempool)

    def wallet(self, chain: Chain[Any]) -> Wallet | None:
        """See ChainFamily."""
        raise NotImplementedError

    async def draft_sweep(self, chain: Chain[Any], request: SweepRequest) -> Any:
        """See ChainFamily."""
        raise NotImplementedError


class AccountFamily(SimulatedFamily):
    """The family of the chain of accounts."""

    settings = AccountSettings

    def wallet(self, chain: Chain[Any]) -> Wallet | None:  # noqa: ARG002
        """See ChainFamily."""
        own = self._nodes["own"]
        assert isinstance(own.chain, AccountChain)
        return AccountWallet(self._process, own, own.chain)


class OutputFamily(SimulatedFamily):
    """The family of the chain of outputs."""

    settings = OutputSettings

    def wallet(self, chain: Chain[Any]) -> Wallet | None:  # noqa: ARG002
        """See ChainFamily."""
        own = self._nodes["own"]
        assert isinstance(own.chain, OutputChain)
        return OutputWallet(self._process, own, own.chain)
