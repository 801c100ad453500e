"""How processes learn that something they have cached has changed."""

from collections.abc import Awaitable, Callable

import msgspec

Announce = Callable[[], Awaitable[None]]
"""Wakes every process to read a change at once; without it they read the change soon after."""


class Revisions(msgspec.Struct, frozen=True):
    """How often the catalogue and the partners have changed so far."""

    catalogue: int
    partners: int


class Notice(msgspec.Struct, frozen=True):
    """A message between processes. `channel` is empty when the listener has (re)connected."""

    channel: str
    data: bytes
