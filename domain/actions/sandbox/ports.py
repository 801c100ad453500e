"""The requests of partners for steps, which settlement performs."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.actions.orders.ports import OrderRepository
from domain.actions.sandbox.steps import Step
from domain.clock import Clock
from domain.reasons import Reason
from domain.webhooks.ports import WebhookPorts


class StepFailure(msgspec.Struct, frozen=True):
    """Why a step was not performed: the name of the error's class, and its facts."""

    error: str
    message: str
    field: str | None = None
    reason: Reason | None = None


class StepResult(msgspec.Struct, frozen=True):
    """A step that was performed, or failed."""

    failure: StepFailure | None


class RequestedStep(msgspec.Struct, frozen=True):
    """A step that waits to be performed."""

    id: UUID
    order_id: UUID
    step: Step


class StepRequests(Protocol):
    """The gateway's side: it cannot move orders itself. Each method raises Unavailable."""

    async def add(
        self, request_id: UUID, partner_id: UUID, order_id: UUID, step: Step, *, at: datetime
    ) -> bool:
        """Request a step; return False if the partner has no such order, or outside a sandbox."""

    async def result(self, request_id: UUID) -> StepResult | None:
        """Return the result of a step; None while it waits."""


class StepQueue(Protocol):
    """Settlement's side. Outside a sandbox there are never any steps."""

    async def take(self, *, at: datetime) -> RequestedStep | None:
        """Return the oldest step that waits, which then waits no more; None without one."""

    async def finish(self, request_id: UUID, result: StepResult, *, at: datetime) -> None:
        """Store the result of a step."""


class SandboxRequestPorts(msgspec.Struct, frozen=True):
    """What partners need to simulate steps of their own orders, and test events."""

    clock: Clock
    requests: StepRequests
    orders: OrderRepository
    webhooks: WebhookPorts
    new_id: Callable[[], UUID]
    pause: Callable[[float], Awaitable[None]]
