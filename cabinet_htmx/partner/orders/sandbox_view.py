"""Messages about steps of an order that a sandbox simulates."""

from collections.abc import Mapping
from typing import Final

from domain.errors import InvalidRequest
from domain.orders.states import Status
from domain.reasons import Reason

_FAILURES: Final[Mapping[tuple[str | None, Reason], str]] = {
    ("id", Reason.STATE): "The order's current status doesn't allow this step.",
    ("amount", Reason.PRECISION): "The amount has too many decimals for this coin.",
    ("amount", Reason.LIMIT_MIN): "The operator doesn't count deposits this small.",
}
_FIELDS: Final[Mapping[str | None, str]] = {
    "amount": "Enter the amount as a positive decimal, such as 0.01.",
    "seconds": "Enter 1 to 604800 seconds.",
}


def failure_message(rejected: InvalidRequest) -> str:
    """Return why a step was not performed."""
    known = _FAILURES.get((rejected.field, rejected.reason))
    return known or _FIELDS.get(rejected.field, "This step isn't possible.")


def step_done(status: Status) -> str:
    """Return the message after a step."""
    return f"Done. The order is now {status.value}."
