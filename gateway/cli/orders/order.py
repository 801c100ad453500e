"""`swapgate order`: show orders, and resolve those that cannot continue by themselves."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from domain.actions.operator.orders import Resolution, list_orders, resolve_order, show_order
from domain.orders.states import State, Status
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Limit, Reason, group, read, run
from gateway.cli.orders.order_view import (
    NARROW,
    OperatorOrderOut,
    operator_order_out,
    order_row,
    order_table,
    parse_order_id,
)
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.wiring.operator.ports import OperatorPorts

app = group("Orders of all partners.")

OrderId = Annotated[str, typer.Argument(metavar="ID", help="The order's id.")]
Statuses = Annotated[
    list[Status] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        case_sensitive=False,
        help=f"Only with this status: {', '.join(Status)}; repeatable.",
    ),
]
States = Annotated[
    list[State] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help=f"Only in this internal state: {', '.join(State)}; repeatable.",
    ),
]
Late = Annotated[bool, typer.Option("--late", help="Only orders with deposits that came too late.")]
Stray = Annotated[bool, typer.Option("--stray", hidden=True, help="The former name of --late.")]
How = Annotated[
    Resolution,
    typer.Argument(
        metavar="exchange|refund|cancel",
        help="For an order on hold, any; in EXCHANGE, refund or cancel; without a deposit, cancel.",
    ),
]
Overrule = Annotated[
    bool, typer.Option("--overrule", help="Even if the partner has chosen otherwise.")
]
AboveMaximum = Annotated[
    bool,
    typer.Option(
        "--above-maximum",
        help="Exchange a deposit worth more than the pair's maximum; requires --reason.",
    ),
]


@app.command("list")
def list_newest(
    *,
    status: Statuses = None,
    state: States = None,
    late: Late = False,
    stray: Stray = False,
    limit: Limit = 50,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the newest orders, newest first."""

    async def work(ports: "OperatorPorts") -> "tuple[list[OperatorOrderOut], datetime]":
        orders = await list_orders(
            await ports.orders(),
            states=state or (),
            statuses=status or (),
            late_only=late or stray,
            limit=limit,
        )
        now = ports.clock.now()
        return [
            operator_order_out(one.order, now=now, partner_email=one.partner_email)
            for one in orders
        ], now

    found, now = read(Role.ADMIN, data_dir, work)
    table = [order_row(order, now=now) for order in found]
    show(found, as_json=as_json, table=table, narrow=NARROW)


@app.command("show")
def show_one(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show an order, without its access token, of which only a hash is stored."""
    known = parse_order_id(order_id)

    async def work(ports: "OperatorPorts") -> OperatorOrderOut:
        found = await show_order(await ports.orders(), known)
        now = ports.clock.now()
        return operator_order_out(found.order, now=now, partner_email=found.partner_email)

    order = read(Role.ADMIN, data_dir, work)
    show(order, as_json=as_json, table=order_table(order))


@app.command()
def resolve(
    order_id: OrderId,
    how: How,
    *,
    overrule: Overrule = False,
    above_maximum: AboveMaximum = False,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Exchange an order on hold at the live rate, refund it, or cancel it.

    An order without a deposit can be cancelled too. One in EXCHANGE can be refunded or cancelled
    while its payout is not signed, with a `--reason`.
    """
    known = parse_order_id(order_id)
    if above_maximum and not reason:
        raise Failure("--above-maximum requires a --reason for the audit trail")

    async def work(ports: "OperatorPorts") -> OperatorOrderOut:
        orders = await ports.orders(rates=how is Resolution.EXCHANGE)
        order = await resolve_order(
            orders, known, how, overrule=overrule, reason=reason, above_maximum=above_maximum
        )
        return operator_order_out(order, now=ports.clock.now())

    order = run(
        Role.SETTLEMENT,
        data_dir,
        work,
        reason=reason,
        state=lambda ports: stored_order(ports, known),
    )
    show(order, as_json=as_json, table=order_table(order))


async def stored_order(ports: "OperatorPorts", order_id: UUID) -> OperatorOrderOut | None:
    """Return an order as it is stored, for the audit trail; None if there is none."""
    found = await (await ports.settlement()).orders.read(order_id)
    return None if found is None else operator_order_out(found.order, now=ports.clock.now())
