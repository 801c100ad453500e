"""The interface of a family of chains: its settings, nodes, hot wallets and sweeps."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from domain.assets import Asset
from domain.chains.identity import ChainIdentity
from domain.chains.network import Network
from domain.chains.outflows import NetworkCoin, Outflow
from domain.chains.ports import AssignedAddresses
from domain.chains.sweeps import SweepOptions
from domain.chains.transfers import ObservedTransfer, PendingTransfers, Transfer
from domain.errors import Unavailable
from domain.text import printable


class InvalidChainSettings(Exception):
    """Settings of chains cannot be used; the message states why and repeats nothing secret."""


class NodeError(Unavailable):
    """What is known of a node. The message may repeat what the node reported: it is made printable.

    Every message that contains a node's text is one of these errors, so that no other code has to.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class NodeUnavailable(NodeError):
    """A node does not respond, or not in a form that can be understood."""


class NodeRejected(NodeError):
    """A node reports that it did not perform a call. `code` is JSON-RPC's."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code


class WrongChain(NodeError):
    """A node follows another chain than the settings mean, or has other token contracts."""


class ProofUnavailable(Unavailable):
    """A node responds, but cannot show what a transaction moved inside of contract calls."""


class ChainSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What every family's settings contain; a family's own subclass has its tag."""

    nodes: tuple[str, str]
    """URLs of two nodes. The first is the operator's own; the second must report the same."""
    raise_fee_after_seconds: float
    """A payout still unconfirmed after this time is replaced by one with a higher fee."""
    drop_after_seconds: float = msgspec.field(default=600, name="vanish_after_seconds")
    """A deposit that neither node has known for this time is dropped."""
    first_height: int | None = None
    """Where to begin; None for the height at the first start."""
    test_network: str | None = None
    """The test network that is followed instead, whose coins are worth nothing; None for none."""
    max_cost_multiple: int = 3
    """A transaction costs at most this multiple of the network fee that its order was charged."""
    min_cost_bound_usd: str = "0.25"
    """It may always cost this much, in USD: where the charged fee is tiny."""

    def __repr__(self) -> str:
        """Hide the URLs: they may contain passwords."""
        return f"{type(self).__name__}(...)"

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the assets that are followed."""
        raise NotImplementedError


SettingsT = TypeVar("SettingsT", bound=ChainSettings)


class Chain(msgspec.Struct, Generic[SettingsT], frozen=True):
    """A network with the operator's settings for it, and the catalogue's assets by code."""

    network: Network
    settings: SettingsT
    assets: Mapping[str, Asset]

    @property
    def identity(self) -> ChainIdentity:
        """Return what every node must report; raise InvalidChainSettings if none is declared."""
        name, network = self.settings.test_network, self.network
        identity = network.identity if name is None else network.test_networks.get(name)
        if identity is None:
            known = ", ".join(sorted(network.test_networks))
            raise InvalidChainSettings(
                f"{network.name} has no test network {name}: {known or 'none'}"
            )
        return identity


class Signed(msgspec.Struct, frozen=True):
    """A signed transaction in hex, ready to be broadcast, and its id."""

    raw: str
    tx_id: str


class Node(Protocol):
    """One node. All methods raise NodeUnavailable and NodeRejected."""

    async def check_identity(self, *, again: bool = False) -> None:
        """Raise WrongChain unless it follows the declared chain with the contracts of the settings.

        The node is called at first, after a failed call, and if it is to be checked `again`.
        """

    async def height(self) -> int:
        """Return the height of the newest block."""

    async def block_hash(self, height: int) -> str | None:
        """Return the hash of the block at a height, or None if there is no such block."""

    async def transfers(self, block_hash: str) -> Sequence[Transfer]:
        """Return all transfers of followed assets in a block."""

    async def block_time(self, block_hash: str) -> datetime:
        """Return the time that a block states."""

    async def pending(self) -> PendingTransfers:
        """Return the transfers that entered the node's mempool since the previous call."""

    async def first_seen(self, tx_id: str) -> datetime | None:
        """Return when a transaction entered the node's mempool; None if it is not there."""

    async def look_up(self, tx_id: str, address: str, asset: str) -> ObservedTransfer | None:
        """Return what a transaction transfers to an address, if it is in the chain or pending.

        Coins that contracts transfer inside of it are included, though `transfers` has none of
        them: raises ProofUnavailable where the node cannot show them.
        """

    async def has_failed(self, tx_id: str) -> bool | None:
        """Return whether a transaction in the chain failed; None if it is in no block."""

    async def unused(self, addresses: Sequence[str]) -> frozenset[str]:
        """Return those of our addresses that, as far as the node can tell, were never paid to.

        Only their keys can spend from them. Raises ProofUnavailable where it cannot tell.
        """

    async def close(self) -> None:
        """Close the connection."""


class Prepared(msgspec.Struct, frozen=True):
    """The next nonce, if there is one, and the maximum that an outflow's transaction will cost.

    `max_cost` is in the smallest units of the network's coin.
    """

    nonce: int | None
    max_cost: int


class Wallet(Protocol):
    """A hot wallet. All methods raise NodeUnavailable and NodeRejected.

    Methods with a `max_cost`, in the smallest units of the network's coin, raise CostAboveBound
    where the transaction would cost more in all: fees of gas or size, and of a rollup's data.
    """

    async def check_identity(self) -> None:
        """Raise WrongChain unless its node follows the declared chain; see Node."""

    @property
    def coin(self) -> NetworkCoin:
        """Return the coin in which the network's fees are paid."""

    async def addresses(self) -> Collection[str]:
        """Return its addresses that others may know, as they are stored: see Network.canonical."""

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:
        """Check that it can be paid, as far as possible, before it is recorded.

        Raises CostAboveBound, and GasAboveCeiling where the recipient's code needs too much gas.
        """

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        """Prevent what these signed transactions spend from being selected again."""

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:
        """Sign a transaction that pays exactly this, without broadcasting it; raises as `prepare`.

        What it needs may have changed since `prepare`. It is valid on the declared chain only:
        raises WrongChain if its node follows another.
        """

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:
        """Sign a replacement with a higher fee that cannot be mined in addition to `stuck`, its id.

        Raises CostAboveBound, NodeUnavailable if the fee would exceed the configured maximum, and
        WrongChain as `sign`.
        """

    async def void(self, outflow: Outflow) -> Signed:
        """Sign a transaction to the wallet itself that no candidate can be mined in addition to.

        Its fee is above that of every candidate. Raises NodeUnavailable if that would exceed the
        maximum, or if another payout spends the change of one.
        """

    async def broadcast(self, signed: Signed) -> None:
        """Broadcast the transaction; succeeds also if it is pending or in a block already."""

    async def is_known(self, tx_id: str) -> bool:
        """Return whether the node has the transaction, in a block or pending."""

    async def depth(self, tx_id: str) -> int:
        """Return how many blocks deep it is; 0 if it is in no block."""

    async def is_spent_from(self, tx_id: str) -> bool:
        """Return whether another pending transaction spends this one's change."""

    async def has_paid(self, outflow: Outflow, tx_id: str) -> bool:
        """Return whether a mined transaction moved the outflow's amount to its address.

        A failed one only uses its nonce, and a token's contract may succeed and move nothing.
        Raises NodeUnavailable for one in no block: nobody knows what it will move.
        """

    async def fee_paid(self, tx_id: str) -> int:
        """Return what a mined transaction cost, in the smallest units of the network's coin."""

    async def has_failed(self, tx_id: str) -> bool:
        """Return whether a mined transaction certainly moved nothing."""

    async def typical_fee(self, asset: Asset) -> int | None:
        """Return what a payout of an asset costs now, in the smallest units of the network's coin.

        None if the node cannot tell.
        """

    async def close(self) -> None:
        """Close the connection."""


class SweepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All pay-ins of an asset, to be moved to one address."""

    asset: Asset
    assigned: AssignedAddresses
    options: SweepOptions


class ChainFamily(Protocol[SettingsT]):
    """Builds everything that settlement needs of one family's chains, without calling a node."""

    @property
    def settings(self) -> type[SettingsT]:
        """Return the type of the family's settings; its tag is the family's name."""

    def check(self, chain: Chain[SettingsT]) -> None:
        """Raise InvalidChainSettings for what does not fit the network or its assets."""

    def node(self, chain: Chain[SettingsT], url: str) -> Node:
        """Return a node at one of the URLs of the settings."""

    def wallet(self, chain: Chain[SettingsT]) -> Wallet | None:
        """Return the hot wallet, or None if none is set; raise InvalidKeyFile."""

    async def draft_sweep(self, chain: Chain[SettingsT], request: SweepRequest) -> Any:
        """Return unsigned transactions that sweep an asset, as a JSON document.

        Raises InvalidCommand, NodeUnavailable, NodeRejected and WrongChain.
        """
