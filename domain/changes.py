"""Change notifications between processes, which invalidate their caches."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

import msgspec

PROPAGATION_SECONDS: Final = 1.0
"""Every process reads a changed record within this time, even without a notification."""

Announce = Callable[[], Awaitable[None]]
"""Wakes every process to read a change at once; without it they read the change soon after."""


class PartnerChanged(Protocol):
    """Puts a change of a partner's record into effect: settings, keys, secrets or codes."""

    async def __call__(self, partner_id: UUID, *, revision: int | None = None) -> None:
        """Return once every worker that checks a call reads the changed record first.

        To be called after the change is stored and before its response. `revision` is that of the
        change, where known; otherwise it is read, which raises Unavailable.
        """


class Revisions(msgspec.Struct, frozen=True):
    """The numbers of changes to the catalogue and to the partners so far."""

    catalogue: int
    partners: int


CONNECTED: Final = ""
"""The channel of a notice that the listener has (re)connected."""


class Notice(msgspec.Struct, frozen=True):
    """A notification that something is to be read again; it contains nothing to be used."""

    channel: str
