"""Show how chains are, resume a halted one, and set how deep deposits must be."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class ChainStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How far a chain has been followed; `alarm` says what is wrong with it.

    All deposits up to `followed_until`, a block's time, are recorded: orders whose expiry is later
    do not expire yet. `test_network` is the test network that is followed instead, if any.
    """

    network: str
    height: int | None
    alarm: str | None
    halted: bool
    checked_at: datetime
    test_network: str | None = None
    followed_until: datetime | None = None


class NetworkLeader(msgspec.Struct, frozen=True):
    """The settlement process that signs and broadcasts on a network, or did until `expires_at`."""

    network: str
    holder: str
    expires_at: datetime
    leads: bool


class UnconnectedAsset(msgspec.Struct, frozen=True):
    """An enabled asset that settlement cannot both receive and pay out."""

    code: str
    network: str
    waited_for: bool
    """Whether an order with a deposit cannot continue because of this."""


class UnclaimedDeposit(msgspec.Struct, frozen=True):
    """A deposit that its order cannot use; `amount` is in units of the asset.

    `order_id` is None at a retired address.
    """

    network: str
    tx_id: str
    address: str
    asset: str
    amount: str
    order_id: str | None
    seen_at: datetime


class Confirmations(msgspec.Struct, frozen=True):
    """How many blocks deep a deposit must be: the asset's own setting, else the network's."""

    own: int | None
    of_network: int


class OperatorChainRepository(Protocol):
    """The operator's view of the chains that settlement follows. Each method raises Unavailable."""

    async def chains(self) -> Sequence[ChainStatus]:
        """Return every chain that was ever connected."""

    async def leaders(self) -> Sequence[NetworkLeader]:
        """Return the newest lease of every network that was ever led."""

    async def unconnected(self) -> Sequence[UnconnectedAsset]:
        """Return the enabled assets that are not connected both ways; none in a sandbox."""

    async def resume(self, network: str) -> str:
        """Resume a halted chain; return the network's name in its own spelling, or NotFound."""

    async def unclaimed(self, *, limit: int) -> Sequence[UnclaimedDeposit]:
        """Return the newest deposits that no order can use, newest first."""

    async def confirmations(self, asset: str) -> Confirmations:
        """Return how deep a deposit of an asset must be; raise NotFound."""

    async def set_confirmations(self, asset: str, confirmations: int | None) -> None:
        """Set how deep a deposit must be; None applies the network's default. Raises NotFound."""


async def list_chains(chains: OperatorChainRepository) -> Sequence[ChainStatus]:
    """Return how far each chain has been followed, and what is wrong with it."""
    return await chains.chains()


async def resume_chain(chains: OperatorChainRepository, network: str) -> str:
    """Let a halted chain continue; return the network's name. Raises NotFound."""
    return await chains.resume(network)


async def list_unclaimed(
    chains: OperatorChainRepository, *, limit: int
) -> Sequence[UnclaimedDeposit]:
    """Return the newest deposits that no order can use, newest first."""
    return await chains.unclaimed(limit=limit)


async def show_confirmations(chains: OperatorChainRepository, asset: str) -> Confirmations:
    """Return how deep a deposit of an asset must be; raise NotFound."""
    return await chains.confirmations(asset.lower())


async def set_confirmations(
    chains: OperatorChainRepository, asset: str, confirmations: int | None
) -> None:
    """Set how deep a deposit of an asset must be; None applies the network's default."""
    await chains.set_confirmations(asset.lower(), confirmations)
