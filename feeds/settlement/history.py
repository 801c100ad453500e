"""Confirms, at the start and then all the time, that nothing of the database was lost.

Settlement keeps a marker of what was issued outside of the database and compares the two.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from domain.errors import Unavailable
from domain.history import DatabaseHistory, DatabaseOnHold, HistoryStatus, Marker
from feeds.loop import reason_of

INTERVAL_SECONDS: Final = 1.0
REPORT_EVERY: Final = 60
"""Of so many rounds without a confirmation one is logged."""

log: Final = structlog.get_logger()


class HistoryWatch:
    """The history of one database."""

    def __init__(
        self,
        history: DatabaseHistory,
        *,
        read_marker: Callable[[], Awaitable[Marker | None]],
        write_marker: Callable[[Marker], Awaitable[None]],
    ) -> None:
        """`read_marker` and `write_marker` raise Unavailable."""
        self._history = history
        self._read_marker = read_marker
        self._write_marker = write_marker
        self._unconfirmed_rounds = 0

    async def round(self) -> bool:
        """Compare the database with the marker, and keep the newer marker.

        Returns whether the database is confirmed; raises DatabaseOnHold, and Unavailable.
        """
        stored, unreadable = None, None
        try:
            stored = await self._read_marker()
        except Unavailable as error:
            unreadable = error
        found = await self._history.confirm(stored, marker_is_known=unreadable is None)
        if found.status is HistoryStatus.ON_HOLD:
            raise DatabaseOnHold(found.problem)
        if found.marker is None:
            raise Unavailable(f"the marker of what was issued cannot be read: {unreadable}")
        if unreadable is None and found.marker != stored:
            await self._write_marker(found.marker)
        return True

    async def until_confirmed(self, *, wait: bool) -> None:
        """Return once the database is confirmed.

        Raises DatabaseOnHold, unless `wait` until the operator has dealt with it.
        """
        while not await self._is_confirmed(raises=not wait):  # noqa: ASYNC110  as a loop polls
            await asyncio.sleep(INTERVAL_SECONDS)

    async def keep(self) -> None:
        """Compare forever; raises DatabaseOnHold."""
        while True:
            await self._is_confirmed(raises=True)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _is_confirmed(self, *, raises: bool) -> bool:
        try:
            await self.round()
        except DatabaseOnHold as error:
            if raises:
                log.error("database on hold", reason=str(error))  # noqa: TRY400  no defect
                raise
            self._report(error)
        except Unavailable as error:
            self._report(error)
        except Exception:  # a defect, or a schema that is not migrated yet
            log.exception("history of the database not confirmed")
        else:
            self._unconfirmed_rounds = 0
            return True
        return False

    def _report(self, error: Exception) -> None:
        if self._unconfirmed_rounds % REPORT_EVERY == 0:
            log.error("database not confirmed", reason=reason_of(error))
        self._unconfirmed_rounds += 1
