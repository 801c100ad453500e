"""Payout details: where a partner's earnings are sent, and when a change takes effect."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidCommand

DELAY: Final = timedelta(hours=24)
"""Time for the team to notice a change made by an intruder."""


class PayoutDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An asset and an address, as requested by a team member."""

    id: UUID
    asset: str
    address: str
    tag: str | None
    requested_by: str
    requested_at: datetime
    effective_at: datetime
    canceled_at: datetime | None = None
    canceled_by: str | None = None


class PayoutPlan(msgspec.Struct, frozen=True):
    """The details in effect now, and a pending change."""

    current: PayoutDetails | None
    pending: PayoutDetails | None


class DetailsProblem(Enum):
    """Why a field of payout details is rejected."""

    UNKNOWN_ASSET = auto()
    INVALID_ADDRESS = auto()
    INVALID_TAG = auto()


class RejectedPayoutDetails(InvalidCommand):
    """Nothing can be sent to these payout details; `problems` are by field."""

    def __init__(self, problems: Mapping[str, DetailsProblem]) -> None:
        super().__init__(
            f"payout details rejected: {', '.join(one.name for one in problems.values())}"
        )
        self.problems = problems


def plan(history: Sequence[PayoutDetails], now: datetime) -> PayoutPlan:
    """Return which of all details that were ever requested are current and pending."""
    requested = [one for one in history if one.canceled_at is None]
    current = [one for one in requested if one.effective_at <= now]
    pending = [one for one in requested if one.effective_at > now]
    return PayoutPlan(
        max(current, key=_effective_at, default=None),
        max(pending, key=_effective_at, default=None),
    )


def _effective_at(details: PayoutDetails) -> datetime:
    return details.effective_at
