"""Archive what the policy no longer keeps; a run that was killed is continued by the next."""

from collections.abc import Sequence
from itertools import groupby

from domain.actions.operator.retention.policy import Archived, RetentionPorts, plan


async def archive_old_partitions(ports: RetentionPorts) -> Sequence[Archived]:
    """Detach the partitions that go, month by month, then archive and drop each of them.

    Raises InvalidCommand, Unavailable, and OSError for files that cannot be written.
    """
    going = [one for one in await plan(ports) if one.goes]
    archived: list[Archived] = []
    for _, month in groupby(going, key=lambda one: (one.end, one.kind)):
        names = [one.partition for one in month]
        if await ports.repository.detach(names):
            archived += [await ports.repository.archive(name) for name in names]
    return archived
