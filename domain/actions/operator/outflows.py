"""Show and control what settlement sends on chains: the switch, the daily cap, single payouts."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import msgspec

from domain.errors import InvalidTransition, NotFound
from domain.market.limits import NONE
from domain.money import parse_cents


class OutflowSettings(msgspec.Struct, frozen=True):
    """Whether settlement sends, how much it may send a day (UTC), and what it sent today, in USD.

    `daily_cap_usd` is None for any amount.
    """

    enabled: bool
    daily_cap_usd: Decimal | None
    today_usd: Decimal


class ListedOutflow(msgspec.Struct, frozen=True):
    """A payment on a chain, and how far it has come; `amount` is in units of the asset.

    The chain takes one of the transactions `tx_id` and `replaced_by`: `settled_tx_id`. `fee` is the
    maximum at the intention and `fee_paid` what the transaction cost, in the network's coin. An
    order that is failing or on hold has a `reason`, possibly without an intention; without
    `next_attempt_at` it waits until it is released.
    """

    order_id: str
    kind: str
    network: str
    asset: str
    address: str
    amount: str
    nonce: int | None
    tx_id: str | None
    replaced_by: Sequence[str]
    intended_at: datetime | None
    signed_at: datetime | None
    broadcast_at: datetime | None
    settled_at: datetime | None
    settled_tx_id: str | None
    fee: str | None
    fee_paid: str | None
    reason: str | None
    detail: str | None
    failures: int | None
    failing_since: datetime | None
    next_attempt_at: datetime | None
    held_at: datetime | None


class CancelledOutflow(msgspec.Struct, frozen=True):
    """A payment that was cancelled before it was signed."""

    order_id: str
    kind: str
    network: str
    asset: str
    address: str
    amount: str
    nonce: int | None
    intended_at: datetime
    cancelled_at: datetime


class VoidedOutflow(msgspec.Struct, frozen=True):
    """A payment that was signed and paid nobody: voided, or failed on its chain.

    One of the last three times is set once the operator has decided what follows.
    """

    order_id: str
    kind: str
    network: str
    asset: str
    address: str
    amount: str
    nonce: int | None
    tx_ids: Sequence[str]
    mined_tx_id: str
    void_requested_at: datetime | None
    voided_at: datetime
    resend_requested_at: datetime | None
    refund_requested_at: datetime | None
    closed_at: datetime | None


class OverdueOutflow(msgspec.Struct, frozen=True):
    """An order whose payout or refund has not been confirmed in time."""

    order_id: str
    network: str


class FailingOutflow(msgspec.Struct, frozen=True):
    """An order whose payout or refund has failed for long, or is on hold."""

    order_id: str
    network: str
    reason: str
    detail: str
    is_held: bool


class OperatorOutflowRepository(Protocol):
    """The operator's view of what settlement sends. Each method raises Unavailable."""

    async def settings(self) -> OutflowSettings:
        """Return the switch, the cap, and what was sent today."""

    async def set_enabled(self, *, enabled: bool) -> None:
        """Let settlement send, or stop it: from now on nothing is signed or broadcast."""

    async def set_daily_cap(self, usd: Decimal | None) -> None:
        """Set the daily cap; None for any amount."""

    async def newest(self, *, limit: int) -> Sequence[ListedOutflow]:
        """Return orders that are failing or on hold, then the newest outflows, newest first."""

    async def cancelled(self, *, limit: int) -> Sequence[CancelledOutflow]:
        """Return the newest cancelled outflows, newest first."""

    async def voided(self, *, limit: int) -> Sequence[VoidedOutflow]:
        """Return the newest voided outflows, newest first."""

    async def request_void(self, order_id: UUID) -> bool:
        """Have settlement void an outflow; False if none is signed and unsettled.

        The id is an order's, or that of the proposal for a deposit that no order can use.
        """

    async def request_resend(self, order_id: UUID) -> bool:
        """Have settlement send a voided outflow again; False if there is none, or it is decided."""

    async def request_refund_of_voided(self, order_id: UUID) -> bool:
        """Have settlement refund a completed order whose payout was voided; False as above."""

    async def close(self, outflow_id: UUID) -> bool:
        """Send nothing in place of a voided outflow; False as above, and for a payout that is due.

        An approved refund of a deposit is closed likewise if it has no outflow. The deposit may get
        another proposal.
        """

    async def overdue(self, before: datetime) -> Sequence[OverdueOutflow]:
        """Return payouts and refunds that are under way since before a moment."""

    async def failing(self, since: datetime) -> Sequence[FailingOutflow]:
        """Return orders on hold, and those failing since before a moment, the oldest first."""

    async def permit(self, order_id: UUID) -> bool:
        """Permit an order's payout whatever it is worth; False without such an order."""

    async def request_refund(self, order_id: UUID, *, overrule: bool) -> bool:
        """Have settlement refund an order on hold; False if that is not possible now.

        `overrule` permits it although the partner has chosen otherwise.
        """


async def show_outflow(outflows: OperatorOutflowRepository) -> OutflowSettings:
    """Return the switch, the cap, and what was sent today."""
    return await outflows.settings()


async def set_outflow_enabled(
    outflows: OperatorOutflowRepository, *, enabled: bool
) -> OutflowSettings:
    """Let settlement send, or stop it; return the settings then."""
    await outflows.set_enabled(enabled=enabled)
    return await outflows.settings()


async def set_outflow_cap(outflows: OperatorOutflowRepository, usd: str) -> OutflowSettings:
    """Set how much may be sent a day, `none` for any amount; return the settings then.

    Raises InvalidCommand.
    """
    cap = None if usd == NONE else parse_cents(usd)
    await outflows.set_daily_cap(cap)
    return await outflows.settings()


async def list_outflows(
    outflows: OperatorOutflowRepository, *, limit: int
) -> Sequence[ListedOutflow]:
    """Return the newest outflows, newest first."""
    return await outflows.newest(limit=limit)


async def list_cancelled_outflows(
    outflows: OperatorOutflowRepository, *, limit: int
) -> Sequence[CancelledOutflow]:
    """Return the newest cancelled outflows, newest first."""
    return await outflows.cancelled(limit=limit)


async def list_voided_outflows(
    outflows: OperatorOutflowRepository, *, limit: int
) -> Sequence[VoidedOutflow]:
    """Return the newest voided outflows, newest first."""
    return await outflows.voided(limit=limit)


async def void_outflow(outflows: OperatorOutflowRepository, order_id: UUID) -> None:
    """Have settlement void a signed outflow that is not settled; raise InvalidTransition.

    If the original transaction is mined and pays all the same, it settles. The id is an order's, or
    that of the proposal for a deposit that no order can use.
    """
    if not await outflows.request_void(order_id):
        raise InvalidTransition(f"{order_id} has no payment that is signed and not settled")


async def resend_outflow(outflows: OperatorOutflowRepository, order_id: UUID) -> None:
    """Have settlement send a voided or failed outflow again; raise InvalidTransition."""
    if not await outflows.request_resend(order_id):
        raise InvalidTransition(f"{order_id} has no voided payment to be sent again")


async def close_outflow(outflows: OperatorOutflowRepository, order_id: UUID) -> None:
    """Send nothing in place of a voided or failed outflow; raise InvalidTransition.

    An approved refund of a deposit can be closed before it is sent. An order that is to be paid out
    is refunded or cancelled with `order resolve` instead.
    """
    if not await outflows.close(order_id):
        raise InvalidTransition(f"{order_id} has no voided payment or unsent refund to be closed")


async def permit_outflow(outflows: OperatorOutflowRepository, order_id: UUID) -> None:
    """Permit a payout that settlement withholds because of what it is worth; raise NotFound."""
    if not await outflows.permit(order_id):
        raise NotFound(f"there is no order {order_id}")
