"""`swapgate sandbox`: push an order through its life by hand, in sandbox mode only."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.expire_orders import expire_order
from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.errors import InvalidRequest, NotFound
from domain.money import parse_units
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from feeds.settlement.sandbox import sandbox_tx_id, unconfirmed_deposits
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, group, run
from gateway.cli.orders.order import OrderId
from gateway.cli.orders.order_view import (
    OperatorOrderOut,
    for_people,
    operator_order_out,
    parse_order_id,
)
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

app = group("Sandbox mode: play the chains and the clock.")

Amount = Annotated[
    str | None,
    typer.Option(help="How much comes in, in source units; without it, what is missing."),
]


@app.command()
def deposit(
    order_id: OrderId,
    *,
    amount: Amount = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Let a deposit be seen, or another part of it; with auto-settle the rest follows by itself."""
    moved = _move(order_id, data_dir, lambda ports, key: _see(ports, key, amount))
    show(moved, as_json=as_json, table=for_people(moved))


@app.command()
def confirm(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let all that was seen be confirmed."""
    moved = _move(order_id, data_dir, _confirm, rates=True)
    show(moved, as_json=as_json, table=for_people(moved))


@app.command()
def payout(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let the payout be broadcast."""
    moved = _move(
        order_id,
        data_dir,
        lambda ports, key: complete_payout(ports, key, sandbox_tx_id()),
        rates=True,
    )
    show(moved, as_json=as_json, table=for_people(moved))


@app.command()
def expire(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let the time to pay be over."""
    moved = _move(order_id, data_dir, expire_order)
    show(moved, as_json=as_json, table=for_people(moved))


def _move(
    text: str,
    data_dir: Path,
    step: Callable[[SettlementPorts, UUID], Awaitable[Order]],
    *,
    rates: bool = False,
) -> OperatorOrderOut:
    async def work(operator: "OperatorPorts") -> OperatorOrderOut:
        if not operator.settings.sandbox:
            raise Failure("The sandbox commands are for sandbox mode only, and this isn't")
        order_id = parse_order_id(text)
        order = await step(await operator.settlement(rates=rates), order_id)
        return operator_order_out(order, now=operator.clock.now())

    return run(Role.SETTLEMENT, data_dir, work)


async def _see(ports: SettlementPorts, order_id: UUID, amount: str | None) -> Order:
    order = await _read(ports, order_id)
    missing = order.source_amount - order.deposits.total
    units = missing if missing > 0 else order.source_amount
    if amount is not None:
        try:
            units = parse_units(amount, order.source.precision)
        except InvalidRequest as error:
            raise Failure(f"{amount!r} is no amount of {order.source.code}: {error}") from None
    return await observe_deposit(ports, order_id, ObservedDeposit(sandbox_tx_id(), units))


async def _confirm(ports: SettlementPorts, order_id: UUID) -> Order:
    order = await _read(ports, order_id)
    return await confirm_deposits(ports, order_id, unconfirmed_deposits(order))


async def _read(ports: SettlementPorts, order_id: UUID) -> Order:
    found = await ports.orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    return found.order
