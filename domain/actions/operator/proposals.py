"""Proposals of operators: what moves money above a bound takes two of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import msgspec

from domain.actions.operator.audit import checked_reason
from domain.actions.operator.operators import Identity
from domain.errors import InvalidCommand, NotFound
from domain.money import parse_cents


class ProposalKind(StrEnum):
    """What a proposal does once it is approved."""

    REFUND_DEPOSIT = "refund_deposit"
    RAISE_BOUND = "raise_bound"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal; `subject` is what it concerns, such as a deposit, which has one at a time.

    `usd` is None if the value is not known. With `needs_second` somebody else has to approve it.
    """

    id: UUID
    kind: ProposalKind
    subject: str
    document: Mapping[str, Any]
    usd: Decimal | None
    needs_second: bool
    reason: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None


class BoundChange(msgspec.Struct, frozen=True, kw_only=True):
    """A new bound in USD, with at most two decimals; the id and time are of a proposal for it."""

    usd: str
    reason: str
    proposal_id: UUID
    at: datetime


class ProposalRepository(Protocol):
    """Proposals and the bound. Each method raises Unavailable."""

    async def bound(self) -> Decimal:
        """Return the value in USD up to which one operator suffices."""

    async def set_bound(self, usd: Decimal) -> None:
        """Set the bound."""

    async def add(self, proposal: Proposal) -> bool:
        """Store a proposal; False if its subject has one already."""

    async def find(self, proposal_id: UUID) -> Proposal | None:
        """Return a proposal."""

    async def newest(self, *, limit: int) -> Sequence[Proposal]:
        """Return the newest proposals, newest first."""

    async def approve(self, proposal_id: UUID, by: str, at: datetime) -> bool:
        """Approve a proposal that is not decided; False otherwise."""

    async def withdraw(self, proposal_id: UUID, by: str, at: datetime) -> bool:
        """Withdraw a proposal that is not decided; False otherwise."""


async def propose(
    proposals: ProposalRepository, proposal: Proposal, operator: Identity
) -> Proposal:
    """Store a proposal; it is approved at once if one operator suffices. Return it.

    Raises InvalidCommand without a reason, if its subject has a proposal already, and if a second
    operator is needed but the first has not proved who it is.
    """
    reason = checked_reason(proposal.reason)
    bound = await proposals.bound()
    raises = proposal.kind is ProposalKind.RAISE_BOUND
    needs_second = raises or proposal.usd is None or proposal.usd > bound
    if needs_second and not operator.verified:
        raise InvalidCommand(
            f"above {bound} USD another operator has to approve it: register both with "
            "`swapgate operator add`"
        )
    decided = (
        {} if needs_second else {"approved_by": operator.name, "approved_at": proposal.proposed_at}
    )
    stored = msgspec.structs.replace(proposal, reason=reason, needs_second=needs_second, **decided)
    if not await proposals.add(stored):
        raise InvalidCommand(f"{proposal.subject} has a proposal already: `swapgate proposal list`")
    return stored


async def approve_proposal(
    proposals: ProposalRepository, proposal_id: UUID, operator: Identity, *, now: datetime
) -> Proposal:
    """Approve another operator's proposal and return it; raise NotFound and InvalidCommand."""
    proposal = await show_proposal(proposals, proposal_id)
    if not operator.verified:
        raise InvalidCommand("only a registered operator can approve a proposal")
    if operator.name == proposal.proposed_by:
        raise InvalidCommand("another operator has to approve it: this one is your own")
    if not await proposals.approve(proposal_id, operator.name, now):
        raise InvalidCommand("the proposal is approved or withdrawn already")
    if proposal.kind is ProposalKind.RAISE_BOUND:
        await proposals.set_bound(Decimal(proposal.document["usd"]))
    return await show_proposal(proposals, proposal_id)


async def withdraw_proposal(
    proposals: ProposalRepository, proposal_id: UUID, operator: Identity, *, now: datetime
) -> Proposal:
    """Withdraw a proposal that is not approved; raise NotFound and InvalidCommand."""
    await show_proposal(proposals, proposal_id)
    if not await proposals.withdraw(proposal_id, operator.name, now):
        raise InvalidCommand("the proposal is approved or withdrawn already")
    return await show_proposal(proposals, proposal_id)


async def show_proposal(proposals: ProposalRepository, proposal_id: UUID) -> Proposal:
    """Return a proposal; raise NotFound."""
    found = await proposals.find(proposal_id)
    if found is None:
        raise NotFound(f"there is no proposal {proposal_id}")
    return found


async def change_bound(
    proposals: ProposalRepository, change: BoundChange, operator: Identity
) -> Proposal | None:
    """Lower the bound at once, or propose to raise it: that takes another operator.

    Return the proposal, if there is one. Raises InvalidCommand.
    """
    usd = parse_cents(change.usd)
    if usd <= await proposals.bound():
        await proposals.set_bound(usd)
        return None
    proposal = Proposal(
        id=change.proposal_id,
        kind=ProposalKind.RAISE_BOUND,
        subject=f"bound:{change.proposal_id}",
        document={"usd": str(usd)},
        usd=usd,
        needs_second=True,
        reason=change.reason,
        proposed_by=operator.name,
        proposed_at=change.at,
    )
    return await propose(proposals, proposal, operator)
