"""The stream that carries ids of due webhook events to the delivery workers."""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ResponseError, ValkeyError

from domain.errors import Unavailable

STREAM: Final = "webhooks:due"
GROUP: Final = "delivery"
FIELD: Final = b"event"
BLOCK_MS: Final = 500
"""How long a read waits for entries; shorter than the client's socket timeout."""
MIN_IDLE_MS: Final = 40_000
"""When another worker may take over an entry that its reader has not removed: longer than a lease.
"""

Result = TypeVar("Result")
Entry = tuple[bytes, dict[bytes, bytes] | None]


class StreamUnavailable(Unavailable):
    """Valkey is unavailable, or took too long."""


class WebhookStream:
    """A consumer group on one stream. Every entry may be lost: PostgreSQL knows what is due.

    `consumer` names this worker; a stable name across restarts leaves no unused names in the group.
    """

    def __init__(
        self,
        client: Valkey,
        *,
        consumer: str,
        block_ms: int = BLOCK_MS,
        min_idle_ms: int = MIN_IDLE_MS,
    ) -> None:
        self._client = client
        self._consumer = consumer
        self._block_ms = block_ms
        self._min_idle_ms = min_idle_ms
        self._reclaim_from = "0-0"

    async def length(self) -> int:
        """Return the number of entries, read or not."""
        return int(await _result(self._client.xlen(STREAM)))

    async def add(self, ids: Collection[UUID]) -> None:
        """Append an entry for each event."""
        pipeline = self._client.pipeline(transaction=False)
        for event_id in ids:
            pipeline.xadd(STREAM, {FIELD: str(event_id)})
        await _result(pipeline.execute())

    async def read(self, *, count: int) -> Mapping[str, UUID]:
        """Return up to `count` unread entries; wait up to `block_ms` where there are none."""
        try:
            reply: list[tuple[bytes, list[Entry]]] = await _result(
                self._client.xreadgroup(
                    GROUP, self._consumer, {STREAM: ">"}, count=count, block=self._block_ms
                )
            )
        except _NoGroup:
            await self._create_group()
            return {}
        return await self._valid_entries(reply[0][1] if reply else [])

    async def reclaim(self, *, count: int) -> Mapping[str, UUID]:
        """Take over entries that their reader has left idle; each call continues the last scan.

        Valkey removes deleted entries from the group by itself and lists them separately.
        """
        try:
            reply: Sequence[Any] = await _result(
                self._client.xautoclaim(
                    STREAM,
                    GROUP,
                    self._consumer,
                    min_idle_time=self._min_idle_ms,
                    start_id=self._reclaim_from,
                    count=count,
                )
            )
        except _NoGroup:
            await self._create_group()
            return {}
        self._reclaim_from = reply[0].decode()
        return await self._valid_entries(reply[1])

    async def remove(self, entries: Collection[str]) -> None:
        """Acknowledge and delete entries."""
        if not entries:
            return
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xack(STREAM, GROUP, *entries)
        pipeline.xdel(STREAM, *entries)
        await _result(pipeline.execute())

    async def _create_group(self) -> None:
        try:
            await _result(self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True))
        except _GroupExists:
            return

    async def _valid_entries(self, entries: Sequence[Entry]) -> Mapping[str, UUID]:
        """Return the entries that name an event, and remove the others."""
        events = {entry.decode(): _event_id(fields) for entry, fields in entries if entry}
        await self.remove([entry for entry, event_id in events.items() if event_id is None])
        return {entry: event_id for entry, event_id in events.items() if event_id is not None}


class _NoGroup(StreamUnavailable):
    """The stream or its group is missing: first start, or Valkey was flushed."""


class _GroupExists(StreamUnavailable):
    """Another worker has created the group first."""


async def _result(call: Awaitable[Result]) -> Result:
    try:
        return await call
    except ResponseError as error:
        if str(error).startswith("NOGROUP"):
            raise _NoGroup from error
        if str(error).startswith("BUSYGROUP"):
            raise _GroupExists from error
        raise StreamUnavailable(f"Valkey: {error}") from error
    except (ValkeyError, OSError) as error:
        raise StreamUnavailable(f"Valkey: {error}") from error


def _event_id(fields: Mapping[bytes, bytes] | None) -> UUID | None:
    try:
        return UUID((fields or {})[FIELD].decode())
    except (KeyError, ValueError):
        return None
