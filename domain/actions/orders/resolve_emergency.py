"""Resolve an emergency as the partner chooses: recorded by the gateway, executed by settlement."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import OrderPorts, SettlementPorts
from domain.actions.orders.resolve_order import refund_order
from domain.actions.orders.settlement_terms import settlement_terms
from domain.actions.orders.show_order import show_order
from domain.chains.addresses import check_tag
from domain.errors import (
    EmergencyInvalidChoice,
    InvalidAddress,
    InvalidRequest,
    InvalidTransition,
    NotFound,
    ReserveExceeded,
    Unavailable,
)
from domain.orders.order import Order
from domain.orders.states import Choice, State, Status
from domain.reasons import Reason

BATCH = 1_000
MAX_TRIES = 3

SendRefund = Callable[[Order], str]


async def choose_resolution(
    ports: OrderPorts,
    *,
    partner_id: UUID | None,
    order_id: str,
    token: str,
    choice: str,
    refund_tag: str | None = None,
    refund_address: str | None = None,
) -> None:
    """Record the choice for a held order; repeating the recorded choice has no effect.

    `refund_tag` is added to the refund of an order that has none. Raises NotFound (as show_order,
    and for an order that is not held), EmergencyInvalidChoice, and InvalidRequest for a tag that
    the refund cannot have, and for any refund address but the order's own: whoever has a partner's
    credentials must not redirect what has arrived.
    `partner_id` is None for an end user, as in show_order. Maintenance mode does not apply to
    existing orders.
    """
    for _ in range(MAX_TRIES):
        order = await show_order(
            ports.orders, partner_id=partner_id, order_id=order_id, token=token
        )
        if order.status is Status.EMERGENCY:
            _check_refund(order, choice, tag=refund_tag, address=refund_address)
        parsed = _parse_choice(ports, order, choice)
        if parsed is order.choice:
            return
        if await ports.orders.record_choice(
            order.id, order.partner_id, parsed, refund_tag=refund_tag
        ):
            return
    raise Unavailable(f"order {order_id} is updated concurrently too often")


def offered_choices(ports: OrderPorts, order: Order) -> tuple[Choice, ...]:
    """Return the choices available now; none if one is recorded or the order is not held."""
    if order.state is not State.HELD or order.choice is not Choice.NONE:
        return ()
    exchange = (Choice.EXCHANGE,) if _can_be_exchanged(ports, order) else ()
    refund = (Choice.REFUND,) if ports.market.catalogue.switches.refunds else ()
    return exchange + refund


def _parse_choice(ports: OrderPorts, order: Order, text: str) -> Choice:
    """Return the choice if it is available or already recorded."""
    if order.choice is not Choice.NONE and text == order.choice.value:
        return order.choice
    if order.status is not Status.EMERGENCY:
        raise NotFound
    if order.choice is not Choice.NONE:
        raise EmergencyInvalidChoice(f"{order.choice} has been chosen")
    for choice in offered_choices(ports, order):
        if text == choice.value:
            return choice
    raise EmergencyInvalidChoice(f"{text!r} is not offered")


def _check_refund(order: Order, choice: str, *, tag: str | None, address: str | None) -> None:
    """Raise InvalidRequest unless a request only adds what the order's refund lacks."""
    if address not in (None, order.refund_address):
        raise InvalidRequest(
            "the refund address of an order cannot be changed",
            field="refundAddress",
            reason=Reason.CONFLICT,
        )
    if tag is None:
        return
    if choice != Choice.REFUND.value:
        raise _rejected_tag("only a refund has a tag", Reason.NOT_ALLOWED)
    if order.refund_tag not in (None, tag):
        raise _rejected_tag("the tag of an order's refund cannot be changed", Reason.CONFLICT)
    if order.refund_tag is None and order.choice is Choice.REFUND:
        raise _rejected_tag("the refund has been chosen without a tag", Reason.CONFLICT)
    try:
        check_tag(order.source.network, tag)
    except InvalidAddress as error:
        error.name_field("refundTag")
        raise


def _rejected_tag(message: str, reason: Reason) -> InvalidRequest:
    return InvalidRequest(message, field="refundTag", reason=reason)


def _can_be_exchanged(ports: OrderPorts, order: Order) -> bool:
    """Return whether the deposits can be exchanged; without rates settlement decides later."""
    try:
        return order.exchange_problem(settlement_terms(ports.market)(order)) is None
    except Unavailable:
        return True


async def execute_choices(ports: SettlementPorts, send_refund: SendRefund | None) -> int:
    """Execute the partners' choices for held orders; return the number executed.

    An exchange requires fresh rates, and both require all deposits to be confirmed. `send_refund`
    broadcasts a refund and returns its transaction id; without it refunds stay pending.
    """
    choices = (Choice.EXCHANGE,) if send_refund is None else (Choice.EXCHANGE, Choice.REFUND)
    executed = 0
    for order_id, choice in await ports.orders.pending_choices(choices, limit=BATCH):
        with suppress(
            InvalidTransition, Unavailable
        ):  # not yet possible, or the operator was first
            if choice is Choice.EXCHANGE:
                await _exchange(ports, order_id)
            elif send_refund is not None:
                await _refund(ports, order_id, send_refund)
            executed += 1
    return executed


async def _exchange(ports: SettlementPorts, order_id: UUID) -> None:
    """Exchange, or reset the choice if the deposits or the reserve no longer permit it."""
    terms_of, now = settlement_terms(ports.market), ports.clock.now()

    def exchanged(order: Order) -> Order:
        _check_choice(order, Choice.EXCHANGE)
        try:
            return order.exchange_chosen(terms=terms_of(order), at=now)
        except EmergencyInvalidChoice:
            return order.choice_reset(at=now)

    def reset(order: Order) -> Order:
        _check_choice(order, Choice.EXCHANGE)
        return order.choice_reset(at=now)

    try:
        await move_order(ports, order_id, exchanged)
    except ReserveExceeded:
        await move_order(ports, order_id, reset)


async def _refund(ports: SettlementPorts, order_id: UUID, send_refund: SendRefund) -> None:
    stored = await ports.orders.read(order_id)
    if stored is None:
        raise NotFound(f"there is no order {order_id}")
    _check_choice(stored.order, Choice.REFUND)
    await refund_order(ports, order_id, send_refund(stored.order))


def _check_choice(order: Order, choice: Choice) -> None:
    if order.choice is not choice:
        raise InvalidTransition(f"the choice is no longer {choice}")
