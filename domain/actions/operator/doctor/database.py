"""Check the database: version, clock, migrations, roles and the key ring of its secrets."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, and_more, clock_advice
from domain.clock import Clock

SERVER: Final = "PostgreSQL"
MIN_VERSION: Final = 15
SETTLEMENT: Final = "swapgate_settlement"


class DatabaseHealth(msgspec.Struct, frozen=True):
    """What the database reports about itself. Each function raises Unavailable.

    `version` is the major version; `missing_roles` returns which roles do not exist;
    `excess_rights` what roles and functions may do and must not, with what to do about each.
    `unreadable_partners` returns the partners whose secrets the key ring does not open, and raises
    InvalidCommand for a key ring that cannot be used.
    """

    version: Callable[[], Awaitable[int]]
    now: Callable[[], Awaitable[datetime]]
    missing_migrations: Callable[[], Awaitable[Sequence[str]]]
    missing_roles: Callable[[], Awaitable[Sequence[str]]]
    can_write_order_state: Callable[[str], Awaitable[bool]]
    excess_rights: Callable[[], Awaitable[Sequence[str]]]
    unreadable_partners: Callable[[], Awaitable[Sequence[str]]]


def database_checks(health: DatabaseHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks; the first shows whether the server is available."""
    return [
        ("database", lambda: _version(health)),
        ("database-clock", lambda: _clock(health, clock)),
        ("migrations", lambda: _migrations(health)),
        ("roles", lambda: _roles(health)),
        ("keyring", lambda: _keyring(health)),
    ]


async def _version(health: DatabaseHealth) -> str | None:
    version = await health.version()
    if version >= MIN_VERSION:
        return None
    return f"PostgreSQL {version} is too old: use {MIN_VERSION} or newer"


async def _clock(health: DatabaseHealth, clock: Clock) -> str | None:
    before = clock.now()
    reported = await health.now()
    return clock_advice(SERVER, before=before, reported=reported, after=clock.now())


async def _migrations(health: DatabaseHealth) -> str | None:
    missing = await health.missing_migrations()
    if not missing:
        return None
    return f"Run `swapgate migrate`: {', '.join(missing)} is not applied"


async def _roles(health: DatabaseHealth) -> str | None:
    missing = await health.missing_roles()
    if missing:
        return f"Run `swapgate migrate`, which creates the missing role {', '.join(missing)}"
    if not await health.can_write_order_state(SETTLEMENT):
        return f"Restore the right: GRANT UPDATE (state) ON orders TO {SETTLEMENT}"
    excess = await health.excess_rights()
    more = f" ({len(excess) - 1} more like that)" if len(excess) > 1 else ""
    return f"{excess[0]}{more}" if excess else None


async def _keyring(health: DatabaseHealth) -> str | None:
    unreadable = await health.unreadable_partners()
    if not unreadable:
        return None
    return (
        f"Restore the key ring that encrypted the secrets of {unreadable[0]}"
        f"{and_more(unreadable)}: without it they cannot sign"
    )
