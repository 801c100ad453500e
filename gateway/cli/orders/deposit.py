"""`swapgate deposit`: deposits that no order can use."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    DataDir,
    Failure,
    Limit,
    Reason,
    group,
    read,
    run,
)
from gateway.cli.operators.proposal import proposal_out
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.actions.operator.deposits import UnexpectedDeposit
    from domain.actions.operator.proposals import Proposal
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Deposits that no order can use, and those that no scan of blocks detects.")

TxId = Annotated[str, typer.Argument(metavar="TXID", help="The deposit's transaction.")]
To = Annotated[str, typer.Option(help="An address of the customer's, who has confirmed it.")]
Tag = Annotated[str | None, typer.Option(help="The address's tag or memo, where it needs one.")]
OrderId = Annotated[
    str | None, typer.Option("--order", help="The order, if the transaction paid several.")
]
Unexpected = Annotated[
    bool, typer.Option("--unexpected/--all", help="Only those that no order can use.")
]


@app.command("list")
def list_newest(
    *,
    unexpected: Unexpected = True,
    limit: Limit = 50,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List deposits that no order can use, such as late ones, and what to type."""
    if not unexpected:
        raise Failure("all other deposits are shown with their orders: `swapgate order list`")

    from domain.actions.operator.deposits import list_unexpected  # slow: it knows all addresses

    async def work(ports: "OperatorPorts") -> "tuple[Sequence[UnexpectedDeposit], datetime]":
        return await list_unexpected(await ports.deposits(), limit=limit), ports.clock.now()

    found, now = read(Role.ADMIN, data_dir, work)
    rows = [_deposit_out(one, now=now) for one in found]
    show(rows, as_json=as_json, narrow=("age", "amount", "asset", "orderId"))


@app.command()
def refund(
    tx_id: TxId,
    *,
    to: To,
    tag: Tag = None,
    order_id: OrderId = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Propose to send an unexpected deposit back, less the network fee, once ever.

    Above the bound of `proposal bound`, another operator has to approve it.
    """
    from domain.actions.operator.deposits import RefundRequest, propose_refund  # slow, as above

    request = RefundRequest(tx_id=tx_id, address=to, tag=tag, order_id=order_id, reason=reason)

    async def work(ports: "OperatorPorts") -> "Proposal":
        return await propose_refund(await ports.deposits(), request, ports.acting())

    proposal = run(Role.ADMIN, data_dir, work, reason=reason)
    show(proposal_out(proposal), as_json=as_json)


def _deposit_out(deposit: "UnexpectedDeposit", *, now: datetime) -> dict[str, Any]:
    return {
        "age": _age((now - deposit.seen_at).total_seconds()),
        "amount": deposit.amount,
        "asset": deposit.asset,
        "network": deposit.network,
        "kind": deposit.kind,
        "confirmed": deposit.confirmed,
        "orderId": deposit.order_id,
        "txId": deposit.tx_id,
        "payInAddress": deposit.pay_in_address,
        "seenAt": deposit.seen_at,
        "proposal": deposit.proposal,
        "approved": deposit.approved,
        "stage": deposit.stage,
        "refundTxId": deposit.refund_tx_id,
        "earlierOrders": list(deposit.earlier_orders),
        "next": deposit.next_command,
    }


def _age(seconds: float) -> str:
    hours = int(seconds // 3600)
    return f"{hours // 24}d" if hours >= 48 else f"{hours}h" if hours else f"{int(seconds // 60)}m"
