"""How the partner dashboard labels and colors an order's status."""

from collections.abc import Mapping
from typing import Final

import msgspec

from domain.orders.states import Status

_TONES: Final[Mapping[Status, str]] = {
    Status.NEW: "",
    Status.PENDING: "warn",
    Status.EXCHANGE: "warn",
    Status.DONE: "good",
    Status.EXPIRED: "",
    Status.EMERGENCY: "bad",
}
_LABELS: Final[Mapping[Status, str]] = {Status.EMERGENCY: "Action required"}


class StatusTag(msgspec.Struct, frozen=True):
    """A status as shown: the label, its tone, and the API's term if that differs."""

    label: str
    tone: str
    api_term: str | None


def status_tag(status: Status) -> StatusTag:
    """Return how a status is shown."""
    label = _LABELS.get(status)
    return StatusTag(label or status.value, _TONES[status], status.value if label else None)


def status_label(status: Status) -> str:
    """Return a status as an option of a filter."""
    label = _LABELS.get(status)
    return f"{label} ({status.value})" if label else status.value
