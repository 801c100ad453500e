"""Request a step of one of the caller's own orders, and wait until settlement has performed it."""

from typing import Final
from uuid import UUID

from domain.actions.orders.show_order import order_key
from domain.actions.sandbox.ports import SandboxRequestPorts, StepFailure
from domain.actions.sandbox.steps import Step
from domain.errors import DomainError, InvalidRequest, InvalidTransition, NotFound, Unavailable
from domain.orders.order import Order
from domain.reasons import Reason

POLL_SECONDS: Final = 0.02
MAX_POLLS: Final = 400
"""Eight seconds: settlement performs a step within a fraction of one."""


async def request_step(
    ports: SandboxRequestPorts, *, partner_id: UUID, order_id: str, step: Step
) -> Order:
    """Return the order after the step.

    Raises NotFound for an order that is not the partner's, InvalidRequest for a step that is not
    possible, and Unavailable, also if settlement does not run.
    """
    key = order_key(order_id)
    request_id = ports.new_id()
    if key is None or not await ports.requests.add(
        request_id, partner_id, key, step, at=ports.clock.now()
    ):
        raise NotFound
    for _ in range(MAX_POLLS):
        result = await ports.requests.result(request_id)
        if result is not None:
            if result.failure is not None:
                raise _error(result.failure)
            found = await ports.orders.find(key, partner_id)
            if found is None:
                raise NotFound
            return found[0]
        await ports.pause(POLL_SECONDS)
    raise Unavailable("settlement does not perform the steps of the sandbox")


def _error(failure: StepFailure) -> DomainError:
    """Return the error of a step; one that the order's state does not allow is a bad request."""
    if failure.error == InvalidTransition.__name__:
        return InvalidRequest(failure.message, field="id", reason=Reason.STATE)
    if failure.error == NotFound.__name__:
        return NotFound(failure.message)
    if failure.reason is not None:  # every rejected input has one
        return InvalidRequest(failure.message, field=failure.field, reason=failure.reason)
    return Unavailable(failure.message)
