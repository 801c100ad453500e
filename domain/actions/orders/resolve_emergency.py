"""Resolve an emergency as the partner chooses: put down by the gateway, done by settlement."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import OrderPorts, SettlementPorts
from domain.actions.orders.resolve_order import refund_order
from domain.actions.orders.show_order import show_order
from domain.errors import EmergencyInvalidChoice, InvalidTransition, NotFound, Unavailable
from domain.orders.order import Order
from domain.orders.states import Choice, State

BATCH = 1_000
MAX_TRIES = 3

SendBack = Callable[[Order], str]


async def choose_resolution(
    ports: OrderPorts, *, partner_id: UUID | None, order_id: str, token: str, choice: str
) -> None:
    """Put down what a held order's partner chooses; what was chosen before may be repeated.

    Raises NotFound (as show_order, and for an order that isn't held) and EmergencyInvalidChoice.
    `partner_id` is None for an end user, as in show_order. Maintenance doesn't matter: the
    order is open already.
    """
    for _ in range(MAX_TRIES):
        order = await show_order(
            ports.orders, partner_id=partner_id, order_id=order_id, token=token
        )
        wanted = _chosen(ports, order, choice)
        if wanted is order.choice:
            return
        if await ports.orders.record_choice(order.id, order.partner_id, wanted):
            return
    raise Unavailable(f"order {order_id} is moved by somebody else all the time")


def offered_choices(ports: OrderPorts, order: Order) -> tuple[Choice, ...]:
    """Return what may be chosen for the order now; nothing where that is done, or it isn't held."""
    if order.state is not State.HELD or order.choice is not Choice.NONE:
        return ()
    exchange = () if _is_too_little(ports, order) else (Choice.EXCHANGE,)
    refund = (Choice.REFUND,) if ports.market.catalogue.switches.refunds else ()
    return exchange + refund


def _chosen(ports: OrderPorts, order: Order, text: str) -> Choice:
    """Return the choice if it is one that can be taken, or has been."""
    if order.choice is not Choice.NONE and text == order.choice.value:
        return order.choice
    if order.state is not State.HELD:
        raise NotFound
    if order.choice is not Choice.NONE:
        raise EmergencyInvalidChoice(f"{order.choice} has been chosen")
    for choice in offered_choices(ports, order):
        if text == choice.value:
            return choice
    raise EmergencyInvalidChoice(f"{text!r} is not offered")


def _is_too_little(ports: OrderPorts, order: Order) -> bool:
    """Tell whether nothing would be left to pay out; without rates settlement finds out."""
    try:
        return not order.deposits_cover_network_fee(ports.market.snapshot())
    except Unavailable:
        return False


async def execute_choices(ports: SettlementPorts, send_back: SendBack | None) -> int:
    """Do what partners have chosen for held orders; return how many were done.

    An exchange waits for fresh rates, and both for all of the deposit to be confirmed.
    `send_back` broadcasts a refund and returns its transaction's id; without it refunds wait.
    """
    choices = (Choice.EXCHANGE,) if send_back is None else (Choice.EXCHANGE, Choice.REFUND)
    done = 0
    for order_id, choice in await ports.orders.pending_choices(choices, limit=BATCH):
        with suppress(InvalidTransition, Unavailable):  # not yet, or the operator was quicker
            if choice is Choice.EXCHANGE:
                await _exchange(ports, order_id)
            elif send_back is not None:
                await _refund(ports, order_id, send_back)
            done += 1
    return done


async def _exchange(ports: SettlementPorts, order_id: UUID) -> None:
    """Exchange, or have it be chosen again where the rates have moved against it meanwhile."""
    snapshot, now = ports.market.snapshot(), ports.clock.now()

    def exchanged(order: Order) -> Order:
        _check_still(order, Choice.EXCHANGE)
        try:
            return order.exchange_chosen(snapshot=snapshot, at=now)
        except EmergencyInvalidChoice:
            return order.choice_reset(at=now)

    await move_order(ports, order_id, exchanged)


async def _refund(ports: SettlementPorts, order_id: UUID, send_back: SendBack) -> None:
    held = await ports.orders.read(order_id)
    if held is None:
        raise NotFound(f"there is no order {order_id}")
    _check_still(held.order, Choice.REFUND)
    await refund_order(ports, order_id, send_back(held.order))


def _check_still(order: Order, choice: Choice) -> None:
    if order.choice is not choice:
        raise InvalidTransition(f"{choice} isn't what is chosen any more")
