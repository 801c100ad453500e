"""Show the key ring, rotate it, and seal stored secrets again with its current key, live."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain.clock import Clock

KEEP: Final = timedelta(days=31)
"""How long a superseded key is kept: it also verifies referral cookies, which last 30 days."""

MIN_KEEP: Final = timedelta(minutes=10)
"""What was sealed just before a rotation is stored by then, and quotes that were signed expired."""

WAITS_FOR_STATEMENTS: Final = 30
PAUSE_SECONDS: Final = 1.0


class RingKey(msgspec.Struct, frozen=True):
    """A key of the ring; None for times that are not known, as of the first key."""

    name: str
    current: bool
    added_at: datetime | None
    superseded_at: datetime | None


class ListedKey(msgspec.Struct, frozen=True):
    """A key, and the number of secrets in the database that are sealed with it.

    A key that is not `in_ring` is missing: its secrets cannot be decrypted.
    """

    name: str
    current: bool
    in_ring: bool
    secrets: int
    added_at: datetime | None
    superseded_at: datetime | None


class Batch(msgspec.Struct, frozen=True):
    """What became of a few rows. `next` continues after them; None at the end."""

    resealed: int
    changed_meanwhile: int
    unreadable: int
    next: str | None


class Resealed(msgspec.Struct, frozen=True):
    """The secrets that were sealed again, those that cannot be decrypted, and the removed keys."""

    resealed: int
    unreadable: int
    removed: Sequence[str]


class SealedSecrets(Protocol):
    """The sealed secrets in the database. Each method raises Unavailable."""

    async def count(self) -> Mapping[str, int]:
        """Return the number of secrets by the name of their key."""

    async def reseal(self, after: str | None) -> Batch:
        """Seal a few rows again that are not sealed with the current key, each if unchanged."""

    async def retire(self, name: str) -> int:
        """Reject secrets sealed with this key from now on; return the next transaction's id."""

    async def is_past(self, transaction: int) -> bool:
        """Return whether all statements that began before a transaction have ended."""


class KeyRingFile(Protocol):
    """The file of the key ring. Each method raises InvalidCommand if it cannot be used."""

    def read(self) -> Sequence[RingKey]:
        """Return its keys, the current one last."""

    def add(self, now: datetime) -> str:
        """Add a key and make it current; return its name."""

    def remove(self, name: str) -> None:
        """Remove a key that is not the current one."""


class KeyRingPorts(msgspec.Struct, frozen=True):
    """What the actions on the key ring need."""

    ring: KeyRingFile
    secrets: SealedSecrets
    clock: Clock
    pause: Callable[[float], Awaitable[None]]


async def list_keys(ports: KeyRingPorts) -> Sequence[ListedKey]:
    """Return the keys of the ring, the current one last, and missing ones."""
    counts = await ports.secrets.count()
    keys = ports.ring.read()
    known = {key.name for key in keys}
    return [
        *(
            ListedKey(name, False, False, counts[name], None, None)
            for name in sorted(counts.keys() - known)
        ),
        *(
            ListedKey(
                key.name,
                key.current,
                True,
                counts.get(key.name, 0),
                key.added_at,
                key.superseded_at,
            )
            for key in keys
        ),
    ]


async def rotate(ports: KeyRingPorts) -> str:
    """Add a key that encrypts from now on, in running processes too; return its name."""
    return ports.ring.add(ports.clock.now())


async def reseal(ports: KeyRingPorts, *, keep: timedelta) -> Resealed:
    """Seal every secret again that is not sealed with the current key; remove old keys.

    It can be stopped at any point and be repeated: every row is sealed with the one key or with the
    other. A key is removed if it was superseded longer than `keep` ago and nothing is sealed with
    it.
    """
    resealed = unreadable = 0
    while True:
        of_pass = await _pass(ports.secrets)
        resealed += of_pass.resealed
        unreadable = of_pass.unreadable
        if not of_pass.changed_meanwhile:
            break
    return Resealed(resealed, unreadable, await _remove_old_keys(ports, max(keep, MIN_KEEP)))


async def _pass(secrets: SealedSecrets) -> Batch:
    """Go through all rows once."""
    resealed = changed = unreadable = 0
    after: str | None = None
    while True:
        batch = await secrets.reseal(after)
        resealed += batch.resealed
        changed += batch.changed_meanwhile
        unreadable += batch.unreadable
        after = batch.next
        if after is None:
            return Batch(resealed, changed, unreadable, None)


async def _remove_old_keys(ports: KeyRingPorts, keep: timedelta) -> Sequence[str]:
    before = ports.clock.now() - keep
    counts = await ports.secrets.count()
    removed = []
    for key in ports.ring.read():
        old = key.superseded_at is not None and key.superseded_at <= before
        if old and not key.current and not counts.get(key.name) and await _is_unused(ports, key):
            ports.ring.remove(key.name)
            removed.append(key.name)
    return removed


async def _is_unused(ports: KeyRingPorts, key: RingKey) -> bool:
    """Retire a key, and count again when no statement from before can still store a secret."""
    retired = await ports.secrets.retire(key.name)
    for _ in range(WAITS_FOR_STATEMENTS):
        if await ports.secrets.is_past(retired):
            return not (await ports.secrets.count()).get(key.name)
        await ports.pause(PAUSE_SECONDS)
    return False
