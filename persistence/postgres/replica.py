"""Reads from a standby, which has everything that the primary had when the read began."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from persistence.postgres.pool import Database, DatabaseUnavailable, Row

MAX_LAG_SECONDS: Final = 0.2
"""How long a read waits for the standby before the primary serves it."""
POLL_INTERVAL_SECONDS: Final = 0.01
RESPONSE_SECONDS: Final = 1.0
"""How long the standby may take to say how far it is."""
RETRY_SECONDS: Final = 5.0
"""For so long after a failure of the standby the primary serves all reads."""

POSITION: Final = """
SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint AS position,
  (SELECT h.confirmed_xid FROM database_history h) AS confirmed
"""

# After a promotion a standby may have been left behind, with a log of its own that is as long. The
# row that settlement writes after each promotion shows that it follows the same primary.
HAS_APPLIED: Final = """
SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() - '0/0' >= $1::bigint
  AND (SELECT h.confirmed_xid FROM database_history h) IS NOT DISTINCT FROM $2::bigint AS applied
"""


class ReplicaReads(Database):
    """Runs statements that only read: on a standby if it is up to date, else on the primary."""

    def __init__(self, url: str, primary: Database, **options: Any) -> None:
        """`options` are those of Database. Raises UnusableUrl."""
        super().__init__(url, **options)
        self._primary = primary
        self._failed_at = -RETRY_SECONDS

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows; raises what Database.fetch raises."""
        if self._may_try():
            (current,) = await self._primary.fetch(POSITION)
            try:
                async with asyncio.timeout(RESPONSE_SECONDS):
                    has_applied = await self._has_applied(current)
                if has_applied:
                    return await super().fetch(sql, parameters)
            except (DatabaseUnavailable, TimeoutError):
                self._failed_at = asyncio.get_running_loop().time()
        return await self._primary.fetch(sql, parameters)

    def _may_try(self) -> bool:
        return asyncio.get_running_loop().time() - self._failed_at >= RETRY_SECONDS

    async def _has_applied(self, current: Row) -> bool:
        """Wait until the standby has applied what the primary had written, for a moment."""
        parameters = [current["position"], current["confirmed"]]
        deadline = asyncio.get_running_loop().time() + MAX_LAG_SECONDS
        while True:
            (row,) = await super().fetch(HAS_APPLIED, parameters)
            if row["applied"]:
                return True
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_INTERVAL_SECONDS)
