"""Simulate a step of an order: the same actions as settlement's, without a chain."""

from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never
from uuid import UUID

import msgspec

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.expire_orders import expire_order
from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.actions.sandbox.steps import (
    MAX_ADVANCE_SECONDS,
    AdvanceStep,
    ConfirmStep,
    DepositStep,
    ExpireStep,
    PayoutStep,
    Step,
)
from domain.errors import InvalidRequest, NotFound
from domain.money import format_units, parse_units
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State
from domain.reasons import Reason


class SandboxPorts(msgspec.Struct, frozen=True):
    """What simulating a chain needs.

    `new_tx_id` returns a simulated transaction id; `unconfirmed` an order's unconfirmed deposits.
    `advance` makes an order's expiry sooner by some seconds.
    """

    settlement: SettlementPorts
    new_tx_id: Callable[[], str]
    unconfirmed: Callable[[Order], Sequence[ObservedDeposit]]
    advance: Callable[[UUID, int], Awaitable[None]]


async def simulate(ports: SandboxPorts, order_id: UUID, step: Step) -> Order:
    """Perform a step; return the order then.

    Raises NotFound, InvalidRequest, and InvalidTransition if the order's state does not allow it.
    """
    match step:
        case DepositStep():
            return await _deposit(ports, order_id, step)
        case ConfirmStep():
            order = await _read(ports, order_id)
            return await confirm_deposits(ports.settlement, order_id, ports.unconfirmed(order))
        case PayoutStep():
            return await complete_payout(ports.settlement, order_id, ports.new_tx_id())
        case ExpireStep():
            return await expire_order(ports.settlement, order_id)
        case AdvanceStep():
            return await _advance(ports, order_id, step.seconds)
        case _:
            assert_never(step)


async def _deposit(ports: SandboxPorts, order_id: UUID, step: DepositStep) -> Order:
    order = await _read(ports, order_id)
    units = _units(order, step.amount)
    if step.late and order.state is State.AWAITING_DEPOSIT:
        await expire_order(ports.settlement, order_id)
    return await observe_deposit(
        ports.settlement, order_id, ObservedDeposit(ports.new_tx_id(), units)
    )


async def _advance(ports: SandboxPorts, order_id: UUID, seconds: int) -> Order:
    if not 1 <= seconds <= MAX_ADVANCE_SECONDS:
        raise InvalidRequest(
            f"a clock is advanced by 1 to {MAX_ADVANCE_SECONDS} seconds",
            field="seconds",
            reason=Reason.RANGE,
        )
    await _read(ports, order_id)
    await ports.advance(order_id, seconds)
    order = await _read(ports, order_id)
    if order.state is State.AWAITING_DEPOSIT and order.expires_at <= ports.settlement.clock.now():
        return await expire_order(ports.settlement, order_id)
    return order


def _units(order: Order, amount: str | None) -> int:
    """Return a deposit in smallest units: `amount`, or what is missing, or as much as agreed."""
    missing = order.source_amount - order.deposits.total
    units = missing if missing > 0 else order.source_amount
    if amount is not None:
        try:
            units = parse_units(amount, order.source.precision)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{amount!r} is not an amount of {order.source.code}: {error}",
                field="amount",
                reason=error.reason,
            ) from None
    if order.is_too_small(units):
        raise InvalidRequest(
            f"a deposit below {format_units(order.source.min_deposit, order.source.precision)} "
            f"{order.source.code} counts for nothing: `swapgate min-deposit show`",
            field="amount",
            reason=Reason.LIMIT_MIN,
        )
    return units


async def _read(ports: SandboxPorts, order_id: UUID) -> Order:
    found = await ports.settlement.orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    return found.order
