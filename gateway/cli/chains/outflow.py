"""`swapgate outflow`: the switch, the cap and the list of what settlement sends on chains."""

from decimal import Decimal
from typing import Annotated, Any

import typer

from domain.actions.operator.outflows import (
    ListedOutflow,
    OutflowSettings,
    close_outflow,
    list_cancelled_outflows,
    list_outflows,
    list_voided_outflows,
    permit_outflow,
    resend_outflow,
    set_outflow_cap,
    set_outflow_enabled,
    show_outflow,
    void_outflow,
)
from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    DataDir,
    Limit,
    Reason,
    RequiredReason,
    group,
    read,
    run,
)
from gateway.cli.orders.order_view import parse_order_id
from gateway.cli.output import show
from gateway.instance import Role

app = group("What settlement sends on chains: payouts of orders, and refunds.")

CENT = Decimal("0.01")

OrderId = Annotated[str, typer.Argument(metavar="ID", help="An order's id.")]
OutflowId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of an order, or of a deposit's proposal.")
]
Usd = Annotated[str, typer.Argument(metavar="USD", help="USD a day (UTC); `none` for any amount.")]


@app.command()
def on(*, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let settlement send again."""
    found = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_outflow_enabled(ports.outflows(), enabled=True),
        reason=reason,
        state=lambda ports: show_outflow(ports.outflows()),
    )
    show(_settings_out(found), as_json=as_json)


@app.command()
def off(*, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Stop all payments: nothing more is signed or broadcast, and orders wait."""
    found = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_outflow_enabled(ports.outflows(), enabled=False),
        reason=reason,
        state=lambda ports: show_outflow(ports.outflows()),
    )
    show(_settings_out(found), as_json=as_json)


@app.command("cap")
def set_cap(
    usd: Usd, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set how much may be sent a day; orders beyond it wait for the next day."""
    found = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_outflow_cap(ports.outflows(), usd),
        reason=reason,
        state=lambda ports: show_outflow(ports.outflows()),
    )
    show(_settings_out(found), as_json=as_json)


@app.command("show")
def show_settings(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show the switch, the cap, and what was sent today."""
    found = read(Role.ADMIN, data_dir, lambda ports: show_outflow(ports.outflows()))
    show(_settings_out(found), as_json=as_json)


@app.command()
def allow(
    order_id: OrderId, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Permit a payout that settlement withholds, at your own loss; its log says why it does."""
    known = parse_order_id(order_id)
    run(Role.ADMIN, data_dir, lambda ports: permit_outflow(ports.outflows(), known), reason=reason)
    show({"orderId": order_id, "allowed": True}, as_json=as_json)


@app.command()
def cancelled(*, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List payments that were cancelled before they were signed."""
    found = read(
        Role.ADMIN, data_dir, lambda ports: list_cancelled_outflows(ports.outflows(), limit=limit)
    )
    show(found, as_json=as_json, narrow=("order_id", "kind", "amount", "asset"))


@app.command()
def void(
    order_id: OutflowId,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Void a signed payment that is not settled: its nonce or its inputs are used for nothing."""
    known = parse_order_id(order_id)
    run(Role.ADMIN, data_dir, lambda ports: void_outflow(ports.outflows(), known), reason=reason)
    show({"orderId": order_id, "voiding": True}, as_json=as_json)


@app.command()
def resend(
    order_id: OutflowId,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Send a payment again that was voided, or that failed on its chain."""
    known = parse_order_id(order_id)
    run(Role.ADMIN, data_dir, lambda ports: resend_outflow(ports.outflows(), known), reason=reason)
    show({"orderId": order_id, "resending": True}, as_json=as_json)


@app.command()
def close(
    order_id: OutflowId,
    *,
    reason: RequiredReason,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Send nothing in place of a voided payment, or of a deposit's refund that is not sent."""
    known = parse_order_id(order_id)
    run(Role.ADMIN, data_dir, lambda ports: close_outflow(ports.outflows(), known), reason=reason)
    show({"orderId": order_id, "closed": True}, as_json=as_json)


@app.command()
def voided(*, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List payments that were signed and paid nobody: voided, or failed on their chain."""
    found = read(
        Role.ADMIN, data_dir, lambda ports: list_voided_outflows(ports.outflows(), limit=limit)
    )
    show(found, as_json=as_json, narrow=("order_id", "kind", "amount", "asset"))


@app.command("list")
def list_newest(
    *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List orders that are failing or on hold, then payments, newest first."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_outflows(ports.outflows(), limit=limit))
    table = [_row(one) for one in found]
    narrow = ("order_id", "amount", "asset", "stage", "reason")
    show(found, as_json=as_json, table=table, narrow=narrow)


def _settings_out(settings: OutflowSettings) -> dict[str, Any]:
    cap = settings.daily_cap_usd
    return {
        "enabled": settings.enabled,
        "dailyCapUsd": None if cap is None else str(cap),
        "todayUsd": str(settings.today_usd.quantize(CENT)),
    }


def _row(outflow: ListedOutflow) -> dict[str, Any]:
    stages = {
        "settled": outflow.settled_at,
        "broadcast": outflow.broadcast_at,
        "signed": outflow.signed_at,
        "intended": outflow.intended_at,
        "on hold": outflow.held_at,
        "failing": outflow.failing_since,
    }
    stage, since = next((name, at) for name, at in stages.items() if at is not None)
    return {
        "order_id": outflow.order_id,
        "kind": outflow.kind,
        "amount": outflow.amount,
        "asset": outflow.asset,
        "stage": stage,
        "since": since,
        "reason": outflow.reason,
        "next_attempt": outflow.next_attempt_at,
        "detail": outflow.detail,
        "nonce": outflow.nonce,
        "tx_id": outflow.settled_tx_id or outflow.tx_id,
        "fee": outflow.fee_paid or outflow.fee,
        "address": outflow.address,
    }
