"""What settlement sees on real chains, and what it sends out on them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Asset
from domain.errors import DomainError


class Transfer(msgspec.Struct, frozen=True, order=True):
    """Money that a transaction brings to an address, in smallest units of the asset."""

    tx_id: str
    address: str
    asset: str
    amount: int


class Found(msgspec.Struct, frozen=True):
    """What a node knows of a transfer: its block's height, None while in no block; its amount."""

    height: int | None
    amount: int


class Block(msgspec.Struct, frozen=True):
    """A block that was looked through."""

    height: int
    hash: str


class PayIn(msgspec.Struct, frozen=True):
    """Whose a pay-in address is, and the asset its order takes."""

    order_id: UUID
    asset: str


class ConnectedAsset(msgspec.Struct, frozen=True):
    """Whether settlement sees deposits of an asset, and whether it can pay it out."""

    code: str
    receives: bool
    sends: bool


class OutflowKind(StrEnum):
    """Whether an order is paid out or its deposit goes back."""

    PAYOUT = "payout"
    REFUND = "refund"


class OutflowOff(DomainError):
    """The operator has switched outflow off."""


class OutflowCapped(DomainError):
    """The daily cap of outflow would be exceeded."""


class Candidate(msgspec.Struct, frozen=True):
    """A signed transaction in hex, and its id."""

    raw: str
    tx_id: str
    signed_at: datetime


class Outflow(msgspec.Struct, frozen=True, kw_only=True):
    """The one payment that ends an order: intended, then signed, then broadcast, then settled.

    `amount` is in smallest units of `asset`; `nonce` is there where the network counts them, and
    `intention` tells this from others for the same order that were taken back. Of the candidates,
    the newest last, the chain takes one: each spends what the first one spends.
    """

    order_id: UUID
    kind: OutflowKind
    asset: Asset
    address: str
    tag: str | None
    amount: int
    intention: int = 0
    nonce: int | None = None
    candidates: tuple[Candidate, ...] = ()


class ChainRepository(Protocol):
    """Where what is known of chains is kept. All of it raises Unavailable."""

    async def newest_block(self, network: str) -> Block | None:
        """Return the last block that was looked through."""

    async def add_block(self, network: str, block: Block) -> None:
        """Take note that a block was looked through; only the newest few hundred are kept."""

    async def drop_blocks(self, network: str, *, above: int) -> None:
        """Forget the blocks that the chain has left behind."""

    async def pay_ins(self, network: str, addresses: Collection[str]) -> Mapping[str, PayIn]:
        """Return whose these addresses are; those of nobody are left out."""

    async def unclaimed(self, network: str, transfer: Transfer, order_id: UUID) -> None:
        """Keep what no order can use, for the operator."""

    async def unconfirmed(self, network: str) -> Sequence[UUID]:
        """Return the orders with a deposit that its chain hasn't confirmed."""

    async def confirmations(self, network: str) -> Mapping[str, int]:
        """Return how many blocks each asset of a network needs."""

    async def connect(self, assets: Sequence[ConnectedAsset]) -> None:
        """Say which assets are connected; outside the sandbox no others are swapped."""

    async def tell(self, network: str, *, height: int | None, alarm: str | None) -> None:
        """Take note of how the chain is; `alarm` says what is wrong."""

    async def halt(self, network: str, alarm: str) -> None:
        """Stop the chain until the operator resumes it."""

    async def is_halted(self, network: str) -> bool:
        """Tell whether the chain is halted."""


class OutflowRepository(Protocol):
    """Where outflows are kept. All of it raises Unavailable."""

    async def due(self, network: str, *, limit: int) -> Sequence[tuple[UUID, OutflowKind]]:
        """Return orders that are to be paid out on this network, or to be sent back on it."""

    async def intend(self, outflow: Outflow, *, usd: int, expected_version: int) -> bool:
        """Put down what is going to be sent; False where the order isn't as it was read.

        `usd` is its worth in 10^-18 USD. The nonce is the first from `outflow`'s on that no other
        outflow of the network has. Raises OutflowOff and OutflowCapped.
        """

    async def cancel(self, outflow: Outflow) -> bool:
        """Take back an intention; False where it is signed for, or gone.

        It is kept among those that were taken back, and counts no more for the day's cap.
        """

    async def is_permitted(self, order_id: UUID) -> bool:
        """Tell whether the operator lets a payout go that is worth more than what came in."""

    async def unfinished(self, network: str) -> Sequence[Outflow]:
        """Return what is intended or signed and not broadcast, in the order of intentions."""

    async def unsettled(self, network: str) -> Sequence[Outflow]:
        """Return what was broadcast and isn't deep enough in its chain yet."""

    async def sign(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """Keep the signed transaction.

        False where there is one already, the intention was taken back, or outflow is off.
        """

    async def replace(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """Keep one more candidate; False where another was added meanwhile, or outflow is off."""

    async def is_on(self) -> bool:
        """Tell whether anything may be sent."""

    async def broadcast(self, order_id: UUID, *, at: datetime) -> None:
        """Take note that the transaction is on its way and the order knows it."""

    async def settled(self, order_id: UUID, *, tx_id: str, at: datetime) -> None:
        """Take note that one of the candidates is deep enough."""
