"""Check who may approve what moves money, and what waits for an approval or after it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark, and_more
from domain.actions.operator.operators import OperatorRepository
from domain.assets import Catalogue
from domain.clock import Clock

MIN_OPERATORS: Final = 2
WAITING_FOR_TOO_LONG: Final = timedelta(hours=4)
"""After this time a proposal that needs a second person raises an alarm."""
UNSENT_FOR_TOO_LONG: Final = timedelta(hours=2)


class WaitingProposal(msgspec.Struct, frozen=True):
    """A proposal or request that waits for a decision, or to be sent, since a time."""

    id: str
    kind: str
    subject: str
    since: datetime


Waiting = Callable[[datetime], Awaitable[Sequence[WaitingProposal]]]
"""Returns what waits since before a moment, the oldest first."""


class ApprovalsHealth(msgspec.Struct, frozen=True):
    """What is known of operators and proposals.

    `unapproved` needs a second person; `unsent` are approved refunds without an outflow, and
    `undecided` requested credits that settlement has not decided.
    """

    catalogue: Callable[[], Awaitable[Catalogue]]
    operators: OperatorRepository
    unapproved: Waiting
    unsent: Waiting
    undecided: Waiting


def approval_checks(health: ApprovalsHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks."""
    return [
        ("operators", lambda: _operators(health)),
        ("approvals", lambda: _approvals(health, clock)),
        ("deposit-refunds", lambda: _refunds(health, clock)),
        ("deposit-credits", lambda: _credits(health, clock)),
    ]


async def _operators(health: ApprovalsHealth) -> str | None:
    if (await health.catalogue()).sandbox:
        return None
    enabled = [one for one in await health.operators.all() if one.disabled_at is None]
    if len(enabled) >= MIN_OPERATORS:
        return None
    found = "Only one operator is registered" if enabled else "No operators are registered"
    return Remark(
        f"{found}: commands are recorded by system user, and nothing that needs a second person "
        "can be approved. Register everybody who uses the command with `swapgate operator add NAME`"
    )


async def _approvals(health: ApprovalsHealth, clock: Clock) -> str | None:
    waiting = await health.unapproved(clock.now() - WAITING_FOR_TOO_LONG)
    if not waiting:
        return None
    first = waiting[0]
    return (
        f"Proposal {first.id} ({first.kind}){and_more(waiting)} has waited for a second person "
        f"since {first.since.isoformat()}: see `swapgate proposal list`, then `swapgate approve "
        f"{first.id}` or `swapgate proposal withdraw {first.id}`"
    )


async def _refunds(health: ApprovalsHealth, clock: Clock) -> str | None:
    unsent = await health.unsent(clock.now() - UNSENT_FOR_TOO_LONG)
    if not unsent:
        return None
    first = unsent[0]
    return (
        f"The approved refund {first.id}{and_more(unsent)} has not been sent since "
        f"{first.since.isoformat()}: `swapgate outflow list` says what it waits for; without a row "
        "there its network has no hot wallet, its deposit is not confirmed, or `swapgate outflow "
        f"off` stopped it. If it cannot be sent: `swapgate outflow close {first.id}`"
    )


async def _credits(health: ApprovalsHealth, clock: Clock) -> str | None:
    undecided = await health.undecided(clock.now() - UNSENT_FOR_TOO_LONG)
    if not undecided:
        return None
    first = undecided[0]
    return (
        f"The credit of transaction {first.subject}{and_more(undecided)} has been requested since "
        f"{first.since.isoformat()} and is not decided: settlement does not follow its network, or "
        "a node cannot prove the transfer. See `swapgate chain list` and settlement's log"
    )
