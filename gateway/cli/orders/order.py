"""`swapgate order`: look at orders, and resolve those that can't go on by themselves."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from domain.actions.orders.resolve_order import cancel_order, exchange_order, refund_order
from domain.errors import EmergencyInvalidChoice, InvalidTransition, NotFound
from domain.orders.states import STATUS_OF, State, Status
from feeds.settlement.sandbox import sandbox_tx_id
from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.orders.order_view import (
    OperatorOrderOut,
    for_people,
    one_line,
    operator_order_out,
    parse_order_id,
)
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from uuid import UUID

    from domain.actions.orders.ports import SettlementPorts
    from domain.orders.order import Order
    from gateway.wiring.operator import OperatorPorts

MAX_LISTED = 1_000

app = group("Orders, whoever's they are.")


class Resolution(StrEnum):
    """What can be done with an order that is stuck."""

    EXCHANGE = "exchange"
    REFUND = "refund"
    CANCEL = "cancel"


OrderId = Annotated[str, typer.Argument(metavar="ID", help="The order's id.")]
States = Annotated[list[State] | None, typer.Option("--state", help="Only of this state; repeat.")]
Statuses = Annotated[
    list[Status] | None,
    typer.Option("--status", case_sensitive=False, help="Only of this status; repeat."),
]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="At most so many.")]
How = Annotated[
    Resolution,
    typer.Argument(metavar="exchange|refund|cancel", help="A held order: any; one unpaid: cancel."),
]
Overrule = Annotated[
    bool, typer.Option("--overrule", help="Even where its partner has chosen otherwise.")
]
Stray = Annotated[
    bool, typer.Option("--stray", help="Only those with deposits that came too late for them.")
]


@app.command("list")
def list_newest(
    *,
    state: States = None,
    status: Statuses = None,
    stray: Stray = False,
    limit: Limit = 50,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the newest orders, newest first."""
    wanted = {
        one
        for one in State
        if (not state or one in state) and (not status or STATUS_OF[one] in status)
    }
    found = run(
        Role.ADMIN, data_dir, lambda operator: _newest(operator, wanted, limit, stray=stray)
    )
    show(found, as_json=as_json, table=[one_line(order) for order in found])


@app.command("show")
def show_one(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show an order; its access token is known to nobody but who opened it."""
    order = run(Role.ADMIN, data_dir, lambda operator: _order(operator, order_id))
    show(order, as_json=as_json, table=for_people(order))


@app.command()
def resolve(
    order_id: OrderId,
    how: How,
    *,
    overrule: Overrule = False,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Exchange a held order at the live rate, refund it, or end it with nothing done.

    An order that nobody has paid can be cancelled, too.
    """

    async def work(operator: "OperatorPorts") -> OperatorOrderOut:
        order = await _resolve(operator, parse_order_id(order_id), how, overrule=overrule)
        return operator_order_out(order, now=operator.clock.now())

    order = run(Role.SETTLEMENT, data_dir, work)
    show(order, as_json=as_json, table=for_people(order))


async def _newest(
    operator: "OperatorPorts", states: set[State], limit: int, *, stray: bool
) -> list[OperatorOrderOut]:
    from persistence.postgres.orders.orders import PostgresSettlementOrderRepository
    from persistence.postgres.partners.partners import list_partners

    catalogue, now = await operator.catalogue(), operator.clock.now()
    emails = {one.id: one.email for one in await list_partners(operator.database)}
    book = PostgresSettlementOrderRepository(operator.database, lambda: catalogue)
    return [
        operator_order_out(
            found.order, now=now, partner_email=emails.get(found.order.partner_id, "")
        )
        for found in await book.recent(states, limit=limit, late=stray)
    ]


async def _order(operator: "OperatorPorts", text: str) -> OperatorOrderOut:
    from persistence.postgres.partners.partners import find_partner

    order_id = parse_order_id(text)
    found = await (await operator.settlement()).orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    partner = await find_partner(operator.database, str(found.order.partner_id))
    return operator_order_out(found.order, now=operator.clock.now(), partner_email=partner.email)


async def _resolve(
    operator: "OperatorPorts", order_id: "UUID", how: Resolution, *, overrule: bool
) -> "Order":
    if how is Resolution.EXCHANGE:
        return await exchange_order(
            await operator.settlement(rates=True), order_id, overrule=overrule
        )
    ports = await operator.settlement()
    if how is Resolution.CANCEL:
        return await cancel_order(ports, order_id, overrule=overrule)
    if operator.settings.sandbox:
        return await refund_order(ports, order_id, sandbox_tx_id(), overrule=overrule)
    return await _ask_refund(operator, ports, order_id, overrule=overrule)


async def _ask_refund(
    operator: "OperatorPorts", ports: "SettlementPorts", order_id: "UUID", *, overrule: bool
) -> "Order":
    """Leave a refund to the settlement process: it holds the keys, and looks at the deposit."""
    asked = await operator.outflows().request_refund(order_id, overrule=overrule)
    found = await ports.orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    if asked:
        return found.order
    if found.order.state is State.HELD:
        raise EmergencyInvalidChoice(f"the partner has chosen {found.order.choice}")
    raise InvalidTransition(f"an order that is {found.order.state} can't be refunded")
