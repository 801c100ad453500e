"""The operator's policy: how many months of each kind of rows stay in the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from domain.clock import Clock


class Kind(StrEnum):
    """What is kept for the same time, and archived together."""

    WEBHOOKS = "webhooks"
    AUDIT = "audit"


class Policy(msgspec.Struct, frozen=True):
    """How many whole months are kept beside the current one; 0 keeps everything."""

    webhooks: int = 0
    audit: int = 0

    def months_of(self, kind: Kind) -> int:
        """Return the months of a kind."""
        return self.webhooks if kind is Kind.WEBHOOKS else self.audit


class StoredPartition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition, or one that was detached; `rows` is an estimate.

    `obstacle` is why it must stay, whatever the policy.
    """

    kind: Kind
    name: str
    end: datetime
    rows: int
    size_bytes: int
    detached: bool = False
    obstacle: str = ""


class PlannedPartition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition, whether it goes, and why or why not."""

    partition: str
    kind: Kind
    end: datetime
    rows: int
    size_bytes: int
    goes: bool
    reason: str


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """A partition that is now a file and no longer in the database."""

    partition: str
    rows: int
    sha256: str


class PartitionRepository(Protocol):
    """The partitions of all kinds, under the owner of the database.

    Each method raises Unavailable, and InvalidCommand for an archive that cannot be written.
    """

    async def partitions(self) -> Sequence[StoredPartition]:
        """Return all partitions, the oldest first, without those that are archived completely."""

    async def detach(self, names: Sequence[str]) -> bool:
        """Take the partitions of one month out of their tables at once, unless one must stay."""

    async def archive(self, name: str) -> Archived:
        """Write a detached partition to files, read them back, and drop it."""


class RetentionPorts(msgspec.Struct, frozen=True):
    """What the actions on retention need."""

    repository: PartitionRepository
    policy: Policy
    clock: Clock


async def plan(ports: RetentionPorts) -> Sequence[PlannedPartition]:
    """Return every partition with what the policy does with it."""
    now = ports.clock.now()
    limits = {kind: _kept_from(now, ports.policy.months_of(kind)) for kind in Kind}
    return [_planned(one, limits[one.kind]) for one in await ports.repository.partitions()]


def _planned(stored: StoredPartition, kept_from: datetime | None) -> PlannedPartition:
    if stored.detached:
        goes, reason = True, "it is being archived"
    elif kept_from is None:
        goes, reason = False, "everything is kept"
    elif stored.end > kept_from:
        goes, reason = False, "it is not old enough"
    elif stored.obstacle:
        goes, reason = False, stored.obstacle
    else:
        goes, reason = True, "it is older than the policy keeps"
    return PlannedPartition(
        partition=stored.name,
        kind=stored.kind,
        end=stored.end,
        rows=stored.rows,
        size_bytes=stored.size_bytes,
        goes=goes,
        reason=reason,
    )


def _kept_from(now: datetime, months: int) -> datetime | None:
    """Return the beginning of the first month that is kept; None if all are."""
    if not months:
        return None
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)
