"""Perform the steps that partners have requested: settlement's side, in a sandbox only."""

from typing import Final

from domain.actions.sandbox.ports import RequestedStep, StepFailure, StepQueue, StepResult
from domain.actions.sandbox.simulate import SandboxPorts, simulate
from domain.errors import DomainError, RejectedInput

BATCH: Final = 50


async def run_steps(ports: SandboxPorts, queue: StepQueue) -> int:
    """Perform the steps that wait, in their order; return their number.

    Each is taken once: one that fails unexpectedly is not repeated, and stops no other.
    """
    clock = ports.settlement.clock
    for count in range(BATCH):
        requested = await queue.take(at=clock.now())
        if requested is None:
            return count
        result = await _perform(ports, requested)
        await queue.finish(requested.id, result, at=clock.now())
    return BATCH


async def _perform(ports: SandboxPorts, requested: RequestedStep) -> StepResult:
    try:
        await simulate(ports, requested.order_id, requested.step)
    except DomainError as error:
        rejected = error if isinstance(error, RejectedInput) else None
        return StepResult(
            StepFailure(
                type(error).__name__,
                str(error),
                field=rejected.field if rejected else None,
                reason=rejected.reason if rejected else None,
            )
        )
    return StepResult(None)
