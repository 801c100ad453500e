"""Where a partner wants its earnings sent, and when a change of that takes effect."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest

DELAY: Final = timedelta(hours=24)
"""Who has come into a cabinet can be noticed within this time."""


class PayoutDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An asset and an address of it, asked for by somebody of the partner."""

    id: UUID
    asset: str
    address: str
    tag: str | None
    asked_by: str
    asked_at: datetime
    effective_at: datetime
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


class PayoutPlan(msgspec.Struct, frozen=True):
    """What is in force now, and what takes its place when its time comes."""

    current: PayoutDetails | None
    pending: PayoutDetails | None


class RejectedPayoutDetails(InvalidRequest):
    """Payout details that nothing could be sent to; `faults` says in words why, by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


def plan(history: Sequence[PayoutDetails], now: datetime) -> PayoutPlan:
    """Return what of all details that were ever asked for counts now."""
    kept = [one for one in history if one.cancelled_at is None]
    current = [one for one in kept if one.effective_at <= now]
    pending = [one for one in kept if one.effective_at > now]
    return PayoutPlan(
        max(current, key=_in_force_since, default=None),
        max(pending, key=_in_force_since, default=None),
    )


def _in_force_since(details: PayoutDetails) -> datetime:
    return details.effective_at
