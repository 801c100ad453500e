"""`swapgate deposit credit|credits`: deposits that no scan of blocks detects."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Limit, RequiredReason, read, run
from gateway.cli.orders.deposit import TxId
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.actions.operator.settlement.deposit_credits import DecidedCredit
    from gateway.wiring.operator.ports import OperatorPorts

PayIn = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The pay-in address that the customer paid.")
]
Network = Annotated[
    str | None, typer.Option(help="The network, if the address belongs to several.")
]
Wait = Annotated[
    float, typer.Option(min=0, max=600, help="Seconds to wait for settlement's decision.")
]


def credit(
    tx_id: TxId,
    address: PayIn,
    *,
    reason: RequiredReason,
    network: Network = None,
    wait: Wait = 15,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Request that settlement credits what a contract sent to a pay-in address of an EVM network.

    Settlement takes the amount from its nodes, and the deposit is confirmed like any other. Shows
    what it decided; type the same command again, or `deposit credits`, to see a pending request.
    """
    from domain.actions.operator.settlement.deposit_credits import (  # slow: it knows all addresses
        CreditRequest,
        await_decision,
        credits_of,
        request_credit,
    )

    request = CreditRequest(tx_id=tx_id, address=address, network=network, reason=reason)

    async def work(ports: "OperatorPorts") -> "DecidedCredit":
        credit_ports = await ports.credits()
        requested = await request_credit(credit_ports, request, ports.acting())
        return await await_decision(credit_ports, requested, seconds=wait)

    async def state(ports: "OperatorPorts") -> "Sequence[DecidedCredit]":
        return await credits_of(await ports.credits(), tx_id)

    decided = run(Role.ADMIN, data_dir, work, reason=reason, state=state)
    show(_credit_out(decided), as_json=as_json)


def list_requested(
    *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List requested credits, newest first, and what settlement decided on them."""
    from domain.actions.operator.settlement.deposit_credits import list_credits  # slow, as above

    async def work(ports: "OperatorPorts") -> "Sequence[DecidedCredit]":
        return await list_credits(await ports.credits(), limit=limit)

    rows = [_credit_out(one) for one in read(Role.ADMIN, data_dir, work)]
    show(rows, as_json=as_json, narrow=("state", "amount", "asset", "orderId"))


def _credit_out(decided: "DecidedCredit") -> dict[str, Any]:
    credit = decided.credit
    return {
        "state": decided.state.value,
        "amount": decided.amount,
        "asset": credit.asset,
        "network": credit.network,
        "orderId": str(credit.order_id),
        "txId": credit.tx_id,
        "payInAddress": credit.address,
        "rejection": decided.rejection,
        "reason": credit.reason,
        "requestedBy": credit.requested_by,
        "requestedAt": credit.requested_at,
        "decidedAt": decided.decided_at,
    }
