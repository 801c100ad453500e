"""Check the tables that are partitioned by month: coming months, and rows that are in none."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, and_more
from domain.clock import Clock

MIN_AHEAD: Final = timedelta(days=28)
"""Settlement creates partitions three months ahead."""


class PartitionHealth(msgspec.Struct, frozen=True):
    """What is known of the partitions.

    `months_end` returns when the last month of each table ends, the earliest first;
    `outside_months` the tables with rows that belong to no month.
    """

    months_end: Callable[[], Awaitable[Mapping[str, datetime]]]
    outside_months: Callable[[], Awaitable[Sequence[str]]]


def partition_checks(health: PartitionHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the check."""
    return [("partitions", lambda: _advice(health, clock))]


async def _advice(health: PartitionHealth, clock: Clock) -> str | None:
    for table, end in (await health.months_end()).items():
        if end - clock.now() < MIN_AHEAD:
            day = end.astimezone(UTC).date().isoformat()
            return (
                f"The partitions of {table} end on {day}: start `swapgate settlement`, which"
                " creates the next ones, or run `swapgate migrate`"
            )
    outside = await health.outside_months()
    if not outside:
        return None
    return (
        f"{outside[0]}{and_more(outside)} has rows outside of its months: see Partitions in the"
        " guide to operation"
    )
