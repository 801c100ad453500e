"""Check Valkey: version, memory policy and clock."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, clock_advice
from domain.actions.partners.ports import NONCE_SECONDS
from domain.clock import Clock

SERVER: Final = "Valkey"
MIN_VERSION: Final = (7, 2)
REQUIRED_POLICY: Final = "noeviction"


class ValkeyServer(msgspec.Struct, frozen=True):
    """What the server reports. `version` is empty for another product; times in unix seconds.

    `nonces_since` is the time since when all nonces are remembered, if known.
    """

    version: tuple[int, ...]
    memory_policy: str
    now: float
    nonces_since: float | None = None


ReadServer = Callable[[], Awaitable[ValkeyServer]]


def valkey_checks(read_server: ReadServer, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks; the first shows whether the server is available."""
    return [
        ("valkey", lambda: _version(read_server)),
        ("valkey-memory", lambda: _memory(read_server)),
        ("valkey-clock", lambda: _clock(read_server, clock)),
        ("valkey-nonces", lambda: _nonces(read_server)),
    ]


async def _version(read_server: ReadServer) -> str | None:
    version = (await read_server()).version
    if version >= MIN_VERSION:
        return None
    found = f"Valkey {'.'.join(map(str, version))} is too old" if version else "This is not Valkey"
    return f"{found}: use Valkey {'.'.join(map(str, MIN_VERSION))} or newer"


async def _memory(read_server: ReadServer) -> str | None:
    policy = (await read_server()).memory_policy
    if policy == REQUIRED_POLICY:
        return None
    return f"Set maxmemory-policy to {REQUIRED_POLICY}: with {policy}, nonces may be evicted"


async def _clock(read_server: ReadServer, clock: Clock) -> str | None:
    before = clock.now()
    reported = datetime.fromtimestamp((await read_server()).now, UTC)
    return clock_advice(SERVER, before=before, reported=reported, after=clock.now())


async def _nonces(read_server: ReadServer) -> str | None:
    server = await read_server()
    seconds = (server.nonces_since or 0) + NONCE_SECONDS - server.now
    if seconds <= 0:
        return None
    return (
        f"Wait {seconds:.0f} s, and find out why Valkey has lost its data: until then signed calls "
        "are rejected with code 11, because earlier ones could be repeated"
    )
