"""`swapgate outflow`: the switch, the cap and the list of what settlement sends on chains."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import NotFound
from domain.market.limits import NONE
from domain.money import parse_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.orders.order_view import parse_order_id
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

app = group("What settlement sends on chains: payouts of orders, and refunds.")

Limit = Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")]
OrderId = Annotated[str, typer.Argument(metavar="ID", help="An order's id.")]
Usd = Annotated[str, typer.Argument(help="USD a day (UTC); `none` for any amount.")]


@app.command()
def on(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let settlement send again."""
    show(run(Role.ADMIN, data_dir, lambda operator: _turn(operator, on=True)), as_json=as_json)


@app.command()
def off(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Stop everything that leaves: nothing more is signed or broadcast, orders wait."""
    show(run(Role.ADMIN, data_dir, lambda operator: _turn(operator, on=False)), as_json=as_json)


@app.command("cap")
def set_cap(usd: Usd, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Set how much may leave a day; orders beyond it wait for the next."""
    show(run(Role.ADMIN, data_dir, lambda operator: _cap(operator, usd)), as_json=as_json)


@app.command("show")
def show_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show switch, cap and what was sent today."""
    show(run(Role.ADMIN, data_dir, _state), as_json=as_json)


@app.command()
def allow(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let an order's payout go that settlement holds back, at your own loss; its log says why."""

    async def work(operator: "OperatorPorts") -> None:
        from persistence.postgres.chains.outflows import permit_outflow

        if not await permit_outflow(operator.database, parse_order_id(order_id)):
            raise NotFound(f"there is no order {order_id}")

    run(Role.ADMIN, data_dir, work)
    show({"orderId": order_id, "allowed": True}, as_json=as_json)


@app.command()
def cancelled(*, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List what was going to be sent and was taken back: the deposit was gone before signing."""

    async def work(operator: "OperatorPorts") -> object:
        from persistence.postgres.chains.outflows import read_cancelled_outflows

        return await read_cancelled_outflows(operator.database, limit=limit)

    show(run(Role.ADMIN, data_dir, work), as_json=as_json)


@app.command("list")
def list_newest(
    *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List what was sent, or is going to be, newest first."""

    async def work(operator: "OperatorPorts") -> object:
        from persistence.postgres.chains.outflows import read_outflows

        return await read_outflows(operator.database, limit=limit)

    show(run(Role.ADMIN, data_dir, work), as_json=as_json)


async def _turn(operator: "OperatorPorts", *, on: bool) -> dict[str, Any]:
    from persistence.postgres.chains.outflows import set_outflow

    await set_outflow(operator.database, on=on)
    return await _state(operator)


async def _cap(operator: "OperatorPorts", text: str) -> dict[str, Any]:
    from persistence.postgres.chains.outflows import set_outflow_cap

    usd = None if text == NONE else Decimal(parse_units(text, 2)).scaleb(-2)
    await set_outflow_cap(operator.database, usd)
    return await _state(operator)


async def _state(operator: "OperatorPorts") -> dict[str, Any]:
    from persistence.postgres.chains.outflows import read_outflow

    found = await read_outflow(operator.database)
    cents = str(Decimal(found["today_usd"]).quantize(Decimal("0.01")))
    return {
        "enabled": found["enabled"],
        "dailyCapUsd": found["daily_cap_usd"],
        "todayUsd": cents,
    }
