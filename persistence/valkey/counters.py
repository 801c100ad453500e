"""Counters that all workers share: calls of a client address per minute."""

from collections.abc import Mapping
from typing import Final

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable

EXPIRY_SECONDS: Final = 150
"""A minute counts until the end of the following one."""


async def add_counts(
    client: Valkey, counts: Mapping[tuple[str, int], int]
) -> Mapping[tuple[str, int], int]:
    """Add to the counters by (address, minute) and return their sums; raise Unavailable."""
    pipeline = client.pipeline(transaction=False)
    for (address, minute), count in counts.items():
        key = f"{{ip:{address}}}:{minute}"
        pipeline.incrby(key, count)
        pipeline.expire(key, EXPIRY_SECONDS)
    try:
        replies = await pipeline.execute()
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return dict(zip(counts, map(int, replies[::2]), strict=True))
