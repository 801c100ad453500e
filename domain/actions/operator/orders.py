"""List and show orders of all partners, and resolve those that cannot continue by themselves."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.actions.operator.audit import checked_reason
from domain.actions.operator.outflows import OperatorOutflowRepository
from domain.actions.operator.partners import OperatorPartnerRepository
from domain.actions.operator.settlement.held_outflows import HeldOutflowRepository, hold_outflow
from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts, VersionedOrder
from domain.actions.orders.resolve_order import cancel_order, exchange_order, refund_order
from domain.errors import EmergencyInvalidChoice, InvalidCommand, NotFound
from domain.orders.order import Order
from domain.orders.states import STATUS_OF, State, Status


class Resolution(StrEnum):
    """What can be done with an order on hold; one without a deposit can be cancelled."""

    EXCHANGE = "exchange"
    REFUND = "refund"
    CANCEL = "cancel"


class RecentOrders(Protocol):
    """Reads the newest orders. Raises Unavailable."""

    async def recent(
        self, states: Collection[State], *, limit: int, late: bool = False
    ) -> Sequence[VersionedOrder]:
        """Return the newest orders in one of these states; with `late`, with late deposits."""


class OperatorOrderPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on orders need.

    `sandbox_tx_id` returns a simulated transaction id; it is None outside the sandbox, where
    settlement sends refunds.
    """

    settlement: SettlementPorts
    recent: RecentOrders
    partners: OperatorPartnerRepository
    outflows: OperatorOutflowRepository
    held_outflows: HeldOutflowRepository
    sandbox_tx_id: Callable[[], str] | None


class PartnerOrder(msgspec.Struct, frozen=True):
    """An order and its partner's e-mail address, empty for the default partner."""

    order: Order
    partner_email: str


async def list_orders(
    ports: OperatorOrderPorts,
    *,
    states: Collection[State],
    statuses: Collection[Status],
    late_only: bool,
    limit: int,
) -> Sequence[PartnerOrder]:
    """Return the newest orders with one of these states and statuses, newest first.

    An empty filter matches every order; `late_only` leaves those with a deposit that came too late.
    """
    matching = {
        state
        for state in State
        if (not states or state in states) and (not statuses or STATUS_OF[state] in statuses)
    }
    emails = await _emails(ports)
    found = await ports.recent.recent(matching, limit=limit, late=late_only)
    return [PartnerOrder(one.order, emails.get(one.order.partner_id, "")) for one in found]


async def show_order(ports: OperatorOrderPorts, order_id: UUID) -> PartnerOrder:
    """Return an order; raise NotFound."""
    order = await _read(ports, order_id)
    partner = await ports.partners.find(str(order.partner_id))
    return PartnerOrder(order, partner.email)


async def resolve_order(
    ports: OperatorOrderPorts,
    order_id: UUID,
    resolution: Resolution,
    *,
    overrule: bool,
    reason: str,
    above_maximum: bool = False,
) -> Order:
    """Exchange an order on hold at the live rate, refund it, or cancel it; return it then.

    An order that is to be paid out can be refunded or cancelled while its payout is not signed; it
    needs a reason. So does the refund of a completed order whose payout was voided: it stays
    completed, and names the refund's transaction. `overrule` permits it although the partner has
    chosen otherwise, and `above_maximum` an exchange worth more than the pair's maximum. Raises
    NotFound, InvalidCommand, InvalidTransition, EmergencyInvalidChoice, ReserveExceeded, and
    Unavailable without fresh rates.
    """
    order = await _read(ports, order_id)
    if resolution is Resolution.REFUND and order.deposits.counted and order.refund_problem:
        raise InvalidCommand(order.refund_problem)
    if order.state is State.COMPLETED and resolution is Resolution.REFUND:
        return await _refund_voided(ports, order, reason=reason)
    if order.state is State.PAYING_OUT and resolution is not Resolution.EXCHANGE:
        await _stop_payout(ports, order_id, resolution, reason=reason)
    if resolution is Resolution.EXCHANGE:
        exchanged = await exchange_order(
            ports.settlement, order_id, overrule=overrule, above_maximum=above_maximum
        )
        return await _released(ports, exchanged)
    if resolution is Resolution.CANCEL:
        cancelled = await cancel_order(ports.settlement, order_id, overrule=overrule)
        return await _released(ports, cancelled)
    if ports.sandbox_tx_id is not None:
        tx_id = ports.sandbox_tx_id()
        return await refund_order(ports.settlement, order_id, tx_id, overrule=overrule)
    return await _request_refund(ports, order_id, overrule=overrule)


async def _stop_payout(
    ports: OperatorOrderPorts, order_id: UUID, resolution: Resolution, *, reason: str
) -> None:
    """Hold an order instead of paying it out.

    The outflow is on hold meanwhile, so that settlement cannot begin to pay.
    """
    now, refund = ports.settlement.clock.now(), resolution is Resolution.REFUND
    await hold_outflow(ports.held_outflows, order_id, reason=reason)
    try:
        await move_order(
            ports.settlement, order_id, lambda order: order.payout_stopped(refund=refund, at=now)
        )
    finally:
        await ports.held_outflows.release(order_id)


async def _released(ports: OperatorOrderPorts, order: Order) -> Order:
    """Return the order, after ending the hold of a refund that could not be sent."""
    await ports.held_outflows.release(order.id)
    return order


async def _refund_voided(ports: OperatorOrderPorts, order: Order, *, reason: str) -> Order:
    """Leave the refund of an order whose payout was voided to the settlement process, likewise."""
    checked_reason(reason)
    if not await ports.outflows.request_refund_of_voided(order.id):
        raise order.not_allowed("be refunded: it has no voided payout without a decision")
    return order


async def _request_refund(ports: OperatorOrderPorts, order_id: UUID, *, overrule: bool) -> Order:
    """Leave a refund to the settlement process, which holds the keys and checks the deposit."""
    requested = await ports.outflows.request_refund(order_id, overrule=overrule)
    order = await _read(ports, order_id)
    if requested:
        return order
    if order.state is State.HELD:
        raise EmergencyInvalidChoice(f"the partner has chosen {order.choice}")
    raise order.not_allowed("be refunded")


async def _read(ports: OperatorOrderPorts, order_id: UUID) -> Order:
    found = await ports.settlement.orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    return found.order


async def _emails(ports: OperatorOrderPorts) -> Mapping[UUID, str]:
    return {partner.id: partner.email for partner in await ports.partners.list()}
