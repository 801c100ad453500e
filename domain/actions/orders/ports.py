"""The ports of the actions on orders."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from domain.clock import Clock
from domain.ledger.postings import Accrual
from domain.market.ports import Market
from domain.orders.order import Order
from domain.orders.query import OrderStatus
from domain.orders.quotes.quote_signing import QuoteSigner
from domain.orders.states import Choice
from domain.webhooks.events import Event


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A partner's Idempotency-Key and the SHA-256 of its request body."""

    key: str
    body_hash: bytes


class OpenedOrder(msgspec.Struct, frozen=True):
    """A stored order; `repeated` if an earlier request with the same key created it."""

    order: Order
    repeated: bool


class OrderRepository(Protocol):
    """Orders as the gateway creates and reads them."""

    async def open(
        self,
        order: Order,
        *,
        token_hash: bytes,
        idempotency: IdempotencyKey | None,
        client: bytes | None = None,
        client_networks: Sequence[bytes] = (),
        quote_id: UUID | None = None,
    ) -> OpenedOrder:
        """Store a new order with a pay-in address of its own (`order`'s is ignored).

        `client` is the keyed hash of the client's address, 32 bytes, for an unsigned order, and
        `client_networks` are those of the larger networks that it is in, the next larger one
        first: they have two, four, ... times its caps. The same key with the same body returns the
        order it created before; with another body it raises IdempotencyConflict. Raises
        QuoteUsed where the quote `quote_id` has opened another, Unavailable where no address is
        free, ReserveExceeded where the order exceeds the reserve, and AboveMaximum where it
        exceeds the daily cap (UnpaidCapExceeded: a cap on unpaid orders).
        """

    async def repeated(self, partner_id: UUID, idempotency: IdempotencyKey) -> Order | None:
        """Return the order this key created before, or None; raise IdempotencyConflict as above."""

    async def find(self, order_id: UUID, partner_id: UUID | None) -> tuple[Order, bytes] | None:
        """Return the partner's order and its token's hash; None if unknown or deleted.

        Without a partner it may be any partner's: the caller must check the token's hash.
        """

    async def status(self, order_id: UUID) -> OrderStatus | None:
        """Return the status of any partner's order; None as `find`."""

    async def delete(self, order_id: UUID) -> bool:
        """Mark a finished order as deleted; return False if it is not finished or unknown."""

    async def record_choice(
        self, order_id: UUID, partner_id: UUID, choice: Choice, *, refund_tag: str | None = None
    ) -> bool:
        """Record the partner's choice for a held order, for settlement to execute.

        `refund_tag` is added to an order that has none, with the choice of a refund.
        Returns False, without effect, if the order is not held or has a choice already.
        """


class VersionedOrder(msgspec.Struct, frozen=True):
    """An order and the version it was read at."""

    order: Order
    version: int


class SettlementOrderRepository(Protocol):
    """Orders as settlement and the operator move them."""

    async def read(self, order_id: UUID) -> VersionedOrder | None:
        """Return any partner's order."""

    async def save(
        self,
        order: Order,
        *,
        expected_version: int,
        event: Event | None,
        earned: Accrual | None = None,
    ) -> bool:
        """Store a moved order and its event; return False if its version has changed.

        Raises InvalidTransition if the order has an outflow that does not allow the move.
        The event is stored only if the order's partner has a URL and subscribes to its type.
        `earned` contains the earnings of a completed order; None leaves them to `accrue`. Raises
        ReserveExceeded where the order is to be paid out and the reserve of its destination does
        not cover it in addition to the other payouts that are due.
        """

    async def base_fee_share_bps(self, order_id: UUID) -> int:
        """Return the partner's share of the service fee; 0 if the order is unknown."""

    async def unaccrued(self, sources: Collection[str], *, limit: int) -> Sequence[Order]:
        """Return completed orders from these assets without posted earnings, oldest first."""

    async def accrue(self, order_id: UUID, earned: Accrual, *, at: datetime) -> bool:
        """Post the earnings of a completed order; return False if they were posted before."""

    async def due_for_expiry(
        self, now: datetime, *, margin: timedelta, limit: int
    ) -> Sequence[UUID]:
        """Return ids of orders that await a deposit after their expiry.

        Outside the sandbox, only those whose source chain is not halted and was followed until
        `margin` after their expiry.
        """

    async def pending_choices(
        self, choices: Collection[Choice], *, limit: int
    ) -> Sequence[tuple[UUID, Choice]]:
        """Return ids of held orders with one of these choices, oldest choice first."""

    async def idle_since(self, moment: datetime, *, limit: int) -> Sequence[VersionedOrder]:
        """Return orders with an unconfirmed deposit or a due payout, not updated since `moment`."""


Traced = Callable[[UUID, str], AbstractAsyncContextManager[None]]
"""Returns what has the work within it belong to an order's trace, under a name of its own."""


def untraced(_order_id: UUID, _name: str) -> AbstractAsyncContextManager[None]:
    """Return a context that does nothing: without tracing."""
    return nullcontext()


class SettlementPorts(msgspec.Struct, frozen=True):
    """The ports of settlement's actions."""

    clock: Clock
    market: Market
    orders: SettlementOrderRepository
    new_id: Callable[[], UUID]
    public_url: str = ""
    """Where the public pages are, for webhooks; "" for nowhere."""
    on_payout: Callable[[Order, timedelta], None] = lambda _order, _delay: None
    """Is called with an order that was paid out, and for how long that was due."""
    traced: Traced = untraced
    """Has work on an order belong to its trace."""


class QuotePorts(msgspec.Struct, frozen=True):
    """The ports of firm quotes."""

    market: Market
    quotes: QuoteSigner


class OrderPorts(QuotePorts, frozen=True):
    """The ports of creating and showing orders, and of choices for held ones."""

    clock: Clock
    orders: OrderRepository
    new_id: Callable[[], UUID]
    randomness: Callable[[int], bytes]
