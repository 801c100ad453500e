"""What the actions on orders need from the outside, as Protocols."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.ledger.postings import Accrual
from domain.market.ports import Market
from domain.orders.order import Order
from domain.orders.states import Choice, State
from domain.webhooks.events import Event


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A partner's Idempotency-Key and the SHA-256 of the body it came with."""

    key: str
    body_hash: bytes


class OpenedOrder(msgspec.Struct, frozen=True):
    """An order as stored by its creation; `repeated` when the key had opened it before."""

    order: Order
    repeated: bool


class OrderRepository(Protocol):
    """What the gateway may do with orders: open and read them."""

    async def open(
        self, order: Order, *, token_hash: bytes, idempotency: IdempotencyKey | None
    ) -> OpenedOrder:
        """Store a new order with a pay-in address of its own (`order`'s is ignored).

        The same key with the same body returns the order it opened before; with another body it
        raises IdempotencyConflict. Raises Unavailable where no pay-in address is free, and
        AboveMaximum or ReserveExceeded where the daily cap or the reserve can't bear the order.
        """

    async def repeated(self, partner_id: UUID, idempotency: IdempotencyKey) -> Order | None:
        """Return the order this key opened before, or None; raise IdempotencyConflict as above."""

    async def find(self, order_id: UUID, partner_id: UUID | None) -> tuple[Order, bytes] | None:
        """Return the partner's order and its token's hash; None also once its user deleted it.

        Without a partner it may be anybody's: the token's hash has to be looked at.
        """

    async def state(self, order_id: UUID) -> State | None:
        """Return an order's state, whoever's it is; None as `find`."""

    async def delete(self, order_id: UUID) -> bool:
        """Have an order vanish for good; False where it isn't finished, or isn't there."""

    async def record_choice(self, order_id: UUID, partner_id: UUID, choice: Choice) -> bool:
        """Put down what a held order's partner chooses, for settlement to carry out.

        False, and nothing put down, where the order isn't held or was chosen for before.
        """


class VersionedOrder(msgspec.Struct, frozen=True):
    """An order and the version it was read at."""

    order: Order
    version: int


class SettlementOrderRepository(Protocol):
    """What settlement and the operator may do with orders: move them."""

    async def read(self, order_id: UUID) -> VersionedOrder | None:
        """Return the order, whoever's it is."""

    async def save(
        self,
        order: Order,
        *,
        expected_version: int,
        event: Event | None,
        earned: Accrual | None = None,
    ) -> bool:
        """Store a moved order together with its event; False if it has moved since it was read.

        The event is kept only where the order's partner has a URL and subscribes to its type.
        `earned` is what a completed order has earned; None leaves that for `accrue`.
        """

    async def base_fee_share_bps(self, order_id: UUID) -> int:
        """Return the share of service fees that the order's partner gets; 0 without an order."""

    async def unaccrued(self, sources: Collection[str], *, limit: int) -> Sequence[Order]:
        """Return completed orders from these assets whose earnings aren't posted, oldest first."""

    async def accrue(self, order_id: UUID, earned: Accrual, *, at: datetime) -> bool:
        """Post what a completed order has earned; False where that was done before."""

    async def due_for_expiry(self, now: datetime, *, limit: int) -> Sequence[UUID]:
        """Return ids of orders whose time to pay has passed."""

    async def pending_choices(
        self, choices: Collection[Choice], *, limit: int
    ) -> Sequence[tuple[UUID, Choice]]:
        """Return ids of held orders whose partners chose one of these, longest waiting first."""

    async def idle_since(self, moment: datetime, *, limit: int) -> Sequence[VersionedOrder]:
        """Return orders with an unconfirmed deposit or a due payout, unmoved since `moment`."""


class SettlementPorts(msgspec.Struct, frozen=True):
    """What the actions of settlement need."""

    clock: Clock
    market: Market
    orders: SettlementOrderRepository
    new_id: Callable[[], UUID]


class OrderPorts(msgspec.Struct, frozen=True):
    """What opening and showing orders, and choosing for held ones, needs."""

    clock: Clock
    market: Market
    orders: OrderRepository
    new_id: Callable[[], UUID]
    randomness: Callable[[int], bytes]
