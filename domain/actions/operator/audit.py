"""The audit trail: every operator action is recorded before it changes anything."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from domain.actions.operator.operators import Claim, Identity, OperatorRepository, identify
from domain.clock import Clock
from domain.errors import DomainError, InvalidCommand, Unavailable
from domain.text import checked_text

MAX_SUBJECT_LENGTH = 300
MAX_REASON_LENGTH = 1_000
MAX_ERROR_LENGTH = 1_000

T = TypeVar("T")

ReadState = Callable[[], Awaitable[object]]
"""Reads what an action changes, as it is at the moment."""


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator requests: the command, its subject (an id, a name), and why."""

    action: str
    subject: str
    reason: str
    parameters: Mapping[str, Any]


class OperatorAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action that is about to be performed. It never contains a secret."""

    id: UUID
    at: datetime
    operator: Identity
    request: ActionRequest
    before: object


class RecordedAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action with its outcome: `ok`, `failed` (with `error`), or `unknown` if interrupted."""

    id: str
    at: datetime
    operator: str
    verified: bool
    action: str
    subject: str
    reason: str
    outcome: str
    error: str | None
    parameters: object
    before: object
    after: object


class AuditTrail(Protocol):
    """The audit trail, which is append-only. Each method raises Unavailable."""

    async def begin(self, action: OperatorAction) -> None:
        """Record an action that is about to be performed."""

    async def end(self, action_id: UUID, at: datetime, *, error: str | None, after: object) -> None:
        """Record how an action ended."""

    async def newest(
        self, *, subject: str | None, operator: str | None, limit: int
    ) -> Sequence[RecordedAction]:
        """Return the newest actions, newest first."""


class AuditPorts(msgspec.Struct, frozen=True):
    """What recording an action needs; `claim` and `system_user` as in `identify`."""

    trail: AuditTrail
    operators: OperatorRepository
    clock: Clock
    new_id: Callable[[], UUID]
    claim: Claim | None
    system_user: str


async def perform(
    ports: AuditPorts,
    request: ActionRequest,
    work: Callable[[Identity], Awaitable[T]],
    *,
    state: ReadState,
) -> T:
    """Record an action, perform it, and record how it ended and what `state` is then.

    `work` is not called unless the action is recorded. Raises AuthInvalid, InvalidCommand,
    Unavailable, and what `work` raises.
    """
    operator = await identify(ports.operators, ports.claim, system_user=ports.system_user)
    checked_text(request.reason, what="a reason", limit=MAX_REASON_LENGTH, required=False)
    checked_text(request.subject, what="a subject", limit=MAX_SUBJECT_LENGTH, required=False)
    action = OperatorAction(
        id=ports.new_id(),
        at=ports.clock.now(),
        operator=operator,
        request=request,
        before=await _known(state),
    )
    await ports.trail.begin(action)
    try:
        result = await work(operator)
    except BaseException as error:
        text = (str(error) or type(error).__name__)[:MAX_ERROR_LENGTH]
        with suppress(Unavailable):
            await ports.trail.end(action.id, ports.clock.now(), error=text, after=None)
        raise
    with suppress(Unavailable):  # the change is made, and its result must reach the operator
        await ports.trail.end(action.id, ports.clock.now(), error=None, after=await _known(state))
    return result


def checked_reason(reason: str) -> str:
    """Return a reason, trimmed; raise InvalidCommand for a blank one and for hidden characters."""
    if not reason.strip():
        raise InvalidCommand("state why, with `--reason`: it is recorded in the audit trail")
    return checked_text(reason, what="a reason", limit=MAX_REASON_LENGTH)


async def list_actions(
    trail: AuditTrail, *, subject: str | None, operator: str | None, limit: int
) -> Sequence[RecordedAction]:
    """Return the newest actions, of one subject or operator if given, newest first."""
    return await trail.newest(subject=subject, operator=operator, limit=limit)


async def _known(state: ReadState) -> object:
    """Return the state; None if there is none, such as of an unknown id."""
    try:
        return await state()
    except Unavailable:
        raise
    except DomainError:
        return None
