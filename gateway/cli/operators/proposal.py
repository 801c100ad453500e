"""`swapgate approve` and `proposal`: what takes two operators."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from domain.actions.operator.proposals import (
    BoundChange,
    Proposal,
    approve_proposal,
    change_bound,
    show_proposal,
    withdraw_proposal,
)
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Limit, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gateway.wiring.operator.ports import OperatorPorts

    Decision = Callable[..., Awaitable[Proposal]]
    """What decides a proposal: `approve_proposal` or `withdraw_proposal`."""

app = group("Proposals, which above a bound another operator has to approve.")

ProposalId = Annotated[str, typer.Argument(metavar="ID", help="A proposal's id.")]
Usd = Annotated[
    str | None,
    typer.Argument(metavar="USD", help="The new bound; raising it takes another operator."),
]


def approve(
    proposal_id: ProposalId,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Approve another operator's proposal: compare it with the chain and the customer first.

    Settlement sends an approved refund.
    """
    _decide(proposal_id, approve_proposal, reason=reason, data_dir=data_dir, as_json=as_json)


@app.command("list")
def list_newest(
    *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List the newest proposals, newest first."""
    found = read(Role.ADMIN, data_dir, lambda ports: ports.proposals().newest(limit=limit))
    rows = [proposal_out(one) for one in found]
    show(rows, as_json=as_json, narrow=("id", "kind", "state"))


@app.command("show")
def show_one(
    proposal_id: ProposalId, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show a proposal: compare it with the chain before you approve it."""
    known = _parse_id(proposal_id)
    found = read(Role.ADMIN, data_dir, lambda ports: show_proposal(ports.proposals(), known))
    show(proposal_out(found), as_json=as_json)


@app.command()
def withdraw(
    proposal_id: ProposalId,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Withdraw a proposal that is not approved; any operator can."""
    _decide(proposal_id, withdraw_proposal, reason=reason, data_dir=data_dir, as_json=as_json)


@app.command()
def bound(
    usd: Usd = None,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the value up to which one operator suffices, or show it."""
    if usd is None:
        current = read(Role.ADMIN, data_dir, lambda ports: ports.proposals().bound())
        show({"usd": str(current)}, as_json=as_json)
        return

    async def work(ports: "OperatorPorts") -> tuple[Proposal | None, Decimal]:
        proposals, now = ports.proposals(), ports.clock.now()
        change = BoundChange(usd=usd, reason=reason, proposal_id=ports.new_id(), at=now)
        made = await change_bound(proposals, change, ports.acting())
        return made, await proposals.bound()

    made, current = run(
        Role.ADMIN,
        data_dir,
        work,
        subject="bound",
        reason=reason,
        state=lambda ports: ports.proposals().bound(),
    )
    proposal = None if made is None else str(made.id)
    show({"usd": str(current), "proposal": proposal}, as_json=as_json)


def _decide(
    proposal_id: str, decision: "Decision", *, reason: str, data_dir: "Path", as_json: bool
) -> None:
    """Approve or withdraw a proposal, and show it."""
    known = _parse_id(proposal_id)

    async def work(ports: "OperatorPorts") -> Proposal:
        now = ports.clock.now()
        return await decision(ports.proposals(), known, ports.acting(), now=now)

    decided = run(
        Role.ADMIN,
        data_dir,
        work,
        reason=reason,
        state=lambda ports: show_proposal(ports.proposals(), known),
    )
    show(proposal_out(decided), as_json=as_json)


def proposal_out(proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as it is printed."""
    return {
        "id": str(proposal.id),
        "kind": proposal.kind,
        "state": _state(proposal),
        "usd": None if proposal.usd is None else str(proposal.usd),
        "needsSecond": proposal.needs_second,
        "proposedBy": proposal.proposed_by,
        "proposedAt": proposal.proposed_at,
        "approvedBy": proposal.approved_by,
        "withdrawnBy": proposal.withdrawn_by,
        "reason": proposal.reason,
        "document": proposal.document,
    }


def _state(proposal: Proposal) -> str:
    if proposal.withdrawn_at is not None:
        return "withdrawn"
    return "proposed" if proposal.approved_at is None else "approved"


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Failure(f"{text!r} is not a proposal's id") from None
