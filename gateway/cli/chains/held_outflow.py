"""`swapgate outflow hold|release|raise-bound`: payouts and refunds that are not signed."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from domain.actions.operator.settlement.held_outflows import (
    OutflowAttempt,
    hold_outflow,
    raise_cost_bound,
    release_outflow,
)
from gateway.cli.chains.outflow import OrderId
from gateway.cli.command import DATA_DIR, AsJson, DataDir, RequiredReason, run
from gateway.cli.orders.order_view import parse_order_id
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gateway.wiring.operator.ports import OperatorPorts

MaxCost = Annotated[
    str, typer.Argument(metavar="USD", help="What the transaction may cost, in USD.")
]


def hold(
    order_id: OrderId,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Put the payout or refund of an order on hold, unless it is signed already."""
    _change(order_id, hold_outflow, reason=reason, data_dir=data_dir)
    show({"orderId": order_id, "onHold": True}, as_json=as_json)


def release(
    order_id: OrderId,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Attempt an order on hold, or a failing one, again at once."""
    _change(order_id, release_outflow, reason=reason, data_dir=data_dir)
    show({"orderId": order_id, "onHold": False}, as_json=as_json)


def raise_bound(
    order_id: OrderId,
    usd: MaxCost,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Let the transaction of one order cost more than its bound, at your own loss."""
    known = parse_order_id(order_id)
    bound = run(
        Role.ADMIN,
        data_dir,
        lambda ports: raise_cost_bound(ports.held_outflows(), known, usd, reason=reason),
        reason=reason,
        state=_attempt(known),
    )
    fields: dict[str, Any] = {"orderId": order_id, "maxCostUsd": str(bound)}
    show(fields, as_json=as_json)


def _change(
    order_id: str, action: "Callable[..., Awaitable[None]]", *, reason: str, data_dir: "Path"
) -> None:
    """Hold or release an order, as settlement may: its state before is in the audit trail."""
    known = parse_order_id(order_id)
    run(
        Role.SETTLEMENT,
        data_dir,
        lambda ports: action(ports.held_outflows(), known, reason=reason),
        reason=reason,
        state=_attempt(known),
    )


def _attempt(order_id: UUID) -> "Callable[[OperatorPorts], Awaitable[OutflowAttempt | None]]":
    """Return what reads why an order is not sent, for the audit trail."""
    return lambda ports: ports.held_outflows().attempt(order_id)
