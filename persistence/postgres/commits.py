"""Statements whose commits may wait for a synchronous standby, without holding their callers.

With `synchronous_standby_names`, a commit waits for a standby however long that is unavailable:
`statement_timeout` does not end the wait. Canceling the statement would, but then it is committed
on the primary alone and reported as a success. So it is never canceled: its outcome is unknown.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from domain.measurements import Durations
from persistence.postgres.pool import Database, DatabaseUnavailable, Row

STATEMENT_TIMEOUT_MS: Final = 2_500
"""For the connections: a statement that waits for a lock is rolled back before it is late."""
MAX_COMMIT_SECONDS: Final = 3.0
"""How long a caller waits. A commit that waits for a disk or a busy standby takes less."""


class Commits:
    """Runs statements; while one of them is late, rejects all others at once.

    The late statements are the half-open trials: when they have ended, whether the standby has
    returned or the server has failed, others are run again. They have connections of their own, so
    that reads are not affected.
    """

    def __init__(self, database: Database, *, max_seconds: float = MAX_COMMIT_SECONDS) -> None:
        """Run statements on `database`, whose connections nothing else uses."""
        self._database = database
        self._max_seconds = max_seconds
        self._late: set[asyncio.Future[list[Row]]] = set()

    @property
    def are_waiting(self) -> bool:
        """Whether statements are rejected."""
        return bool(self._late)

    @property
    def waits(self) -> Durations:
        """How long statements waited for a free connection."""
        return self._database.waits

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        Raises DatabaseUnavailable without a response in time: the outcome is then unknown. Raises
        what Database.fetch raises.
        """
        if self._late:
            raise DatabaseUnavailable("earlier commits are still waiting")
        running = asyncio.ensure_future(self._database.fetch(sql, parameters))
        done, _ = await asyncio.wait((running,), timeout=self._max_seconds)
        if done:
            return running.result()
        self._late.add(running)
        running.add_done_callback(self._ended)
        raise DatabaseUnavailable("the commit is waiting, for a standby or a disk")

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def _ended(self, running: "asyncio.Future[list[Row]]") -> None:
        self._late.discard(running)
        if not running.cancelled():
            running.exception()  # retrieved: the caller has had its response
