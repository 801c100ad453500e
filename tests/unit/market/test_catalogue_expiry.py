"""A worker reads the catalogue again when it changes, and when an estimate in it expires."""

from collections.abc import AsyncIterator, Sequence

import pytest

from domain.assets import Bounds, Catalogue, Switches
from domain.changes import Notice, Revisions
from domain.market.limits import Headroom
from domain.market.rates import RateSnapshot
from gateway.runtime.market import LiveMarket
from gateway.runtime.watchers import Sources, Watchers


class Database:
    """A database whose catalogue has estimates that are valid for some seconds."""

    def __init__(self, valid_seconds: float | None) -> None:
        self.valid_seconds = valid_seconds
        self.revision = 1
        self.reads = 0
        self.time = 100.0
        sources = Sources(
            read_revisions=self._revisions,
            read_catalogue=self._catalogue,
            read_headroom=self._headroom,
            changed_keys=self._changed_keys,
            publish_revision=self._publish,
            read_snapshot=self._snapshot,
            notices=self._notices,
        )
        self.watchers = Watchers(sources, LiveMarket(), None, monotonic=lambda: self.time)

    async def reads_after(self, seconds: float) -> int:
        """Poll after so many seconds; return how often the catalogue has been read until then."""
        self.time += seconds
        await self.watchers.poll()
        return self.reads

    async def _revisions(self) -> Revisions:
        return Revisions(catalogue=self.revision, partners=0)

    async def _catalogue(self) -> Catalogue:
        self.reads += 1
        return Catalogue(
            assets={},
            disabled_pairs=frozenset(),
            default_bounds=Bounds(0, 1),
            pair_bounds={},
            switches=Switches(),
            valid_seconds=self.valid_seconds,
        )

    async def _headroom(self, _: Catalogue) -> Headroom:
        return Headroom()

    async def _changed_keys(self, revision: int) -> tuple[Sequence[str], int]:
        return (), revision

    async def _publish(self, _: int) -> None:
        return

    async def _snapshot(self) -> RateSnapshot | None:
        return None

    async def _notices(self) -> AsyncIterator[Notice]:
        for channel in list[str]():
            yield Notice(channel)


async def test_a_catalogue_with_estimates_is_read_again_when_the_first_of_them_expires() -> None:
    database = Database(valid_seconds=30)
    assert await database.reads_after(0) == 1
    assert await database.reads_after(29) == 1
    assert await database.reads_after(1) == 2
    database.valid_seconds = None
    assert await database.reads_after(30) == 3
    assert await database.reads_after(10_000) == 3


@pytest.mark.parametrize("valid_seconds", [None, 600.0])
async def test_a_catalogue_is_read_again_when_it_changes(valid_seconds: float | None) -> None:
    database = Database(valid_seconds)
    assert await database.reads_after(0) == 1
    assert await database.reads_after(1) == 1
    database.revision = 2
    assert await database.reads_after(1) == 2
