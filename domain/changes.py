"""Change notifications between processes, which invalidate their caches."""

from collections.abc import Awaitable, Callable

import msgspec

Announce = Callable[[], Awaitable[None]]
"""Wakes every process to read a change at once; without it they read the change soon after."""


class Revisions(msgspec.Struct, frozen=True):
    """The numbers of changes to the catalogue and to the partners so far."""

    catalogue: int
    partners: int


class Notice(msgspec.Struct, frozen=True):
    """A notification. `channel` is empty when the listener has (re)connected."""

    channel: str
    data: bytes
