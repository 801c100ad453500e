"""`swapgate sandbox`: advance an order by hand, in sandbox mode only."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.actions.operator.mailbox import list_mail
from domain.actions.sandbox.simulate import simulate
from domain.actions.sandbox.steps import (
    AdvanceStep,
    ConfirmStep,
    DepositStep,
    ExpireStep,
    PayoutStep,
    Step,
)
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Limit, group, read, run
from gateway.cli.orders.order import OrderId, stored_order
from gateway.cli.orders.order_view import operator_order_out, order_table, parse_order_id
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from domain.cabinet.mail import StoredMail
    from gateway.cli.orders.order_view import OperatorOrderOut
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Simulate chains and time in sandbox mode.")

Amount = Annotated[
    str | None,
    typer.Option(help="Amount in units of the source asset; by default, what is missing."),
]

Late = Annotated[
    bool, typer.Option("--late", help="End the time to pay first, so that the deposit is late.")
]
Seconds = Annotated[int, typer.Option(help="By how many seconds, at most a week.")]
To = Annotated[str | None, typer.Option(help="Only emails to this address.")]


@app.command()
def deposit(
    order_id: OrderId,
    *,
    amount: Amount = None,
    late: Late = False,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Simulate a deposit, or another one; with auto-settle, the following steps are automatic."""
    _perform(order_id, data_dir, DepositStep(amount, late), as_json=as_json)


@app.command()
def confirm(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Confirm all deposits."""
    _perform(order_id, data_dir, ConfirmStep(), rates=True, as_json=as_json)


@app.command()
def payout(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Simulate the broadcast of the payout."""
    _perform(order_id, data_dir, PayoutStep(), rates=True, as_json=as_json)


@app.command()
def expire(order_id: OrderId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """End the time to pay."""
    _perform(order_id, data_dir, ExpireStep(), as_json=as_json)


@app.command()
def advance(
    order_id: OrderId,
    *,
    seconds: Seconds,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Advance the order's clock: its expiry, and the deadline to confirm its deposit."""
    _perform(order_id, data_dir, AdvanceStep(seconds), as_json=as_json)


@app.command()
def mail(
    *, to: To = None, limit: Limit = 1, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the newest emails: the sandbox writes them to the data directory."""

    async def work(ports: "OperatorPorts") -> "list[StoredMail]":
        return list(list_mail(ports.mailbox(), to=to, limit=limit))

    found = read(Role.ADMIN, data_dir, work)
    documents = [
        {"at": one.at, "to": one.mail.to, "subject": one.mail.subject, "text": one.mail.text}
        for one in found
    ]
    show(documents, as_json=as_json)


def _perform(text: str, data_dir: Path, step: Step, *, rates: bool = False, as_json: bool) -> None:
    order_id = parse_order_id(text)

    async def work(ports: "OperatorPorts") -> "OperatorOrderOut":
        if not ports.settings.sandbox:
            raise Failure("the sandbox commands require sandbox mode")
        order = await simulate(await ports.sandbox(rates=rates), order_id, step)
        return operator_order_out(order, now=ports.clock.now())

    moved = run(
        Role.SETTLEMENT,
        data_dir,
        work,
        state=lambda ports: stored_order(ports, order_id),
    )
    show(moved, as_json=as_json, table=order_table(moved))
