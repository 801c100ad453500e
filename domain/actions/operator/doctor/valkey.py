"""Check Valkey: version, memory policy and clock."""

from collections.abc import Awaitable, Callable, Sequence
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
    """What a server reports. `version` is empty for another product; times in unix seconds.

    `address` is empty for the only server. `nonces_since` is the time since when all nonces are
    remembered, if known.
    """

    address: str
    version: tuple[int, ...]
    memory_policy: str
    now: float
    nonces_since: float | None = None


ReadServers = Callable[[], Awaitable[Sequence[ValkeyServer]]]
"""Returns all servers that accept writes."""


def valkey_checks(read_servers: ReadServers, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks; the first shows whether the servers are available."""

    def of_each(advice: Callable[[ValkeyServer], str | None]) -> Probe:
        async def probe() -> str | None:
            for server in await read_servers():
                problem = advice(server)
                if problem is not None:
                    return f"{server.address}: {problem}" if server.address else problem
            return None

        return probe

    return [
        ("valkey", of_each(_version)),
        ("valkey-memory", of_each(_memory)),
        ("valkey-clock", lambda: _clock(read_servers, clock)),
        ("valkey-nonces", of_each(_nonces)),
    ]


def _version(server: ValkeyServer) -> str | None:
    version = server.version
    if version >= MIN_VERSION:
        return None
    found = f"Valkey {'.'.join(map(str, version))} is too old" if version else "This is not Valkey"
    return f"{found}: use Valkey {'.'.join(map(str, MIN_VERSION))} or newer"


def _memory(server: ValkeyServer) -> str | None:
    policy = server.memory_policy
    if policy == REQUIRED_POLICY:
        return None
    return f"Set maxmemory-policy to {REQUIRED_POLICY}: with {policy}, nonces may be evicted"


async def _clock(read_servers: ReadServers, clock: Clock) -> str | None:
    before = clock.now()
    servers = await read_servers()
    after = clock.now()
    for server in servers:
        advice = clock_advice(
            f"{SERVER} {server.address}".rstrip(),
            before=before,
            reported=datetime.fromtimestamp(server.now, UTC),
            after=after,
        )
        if advice is not None:
            return advice
    return None


def _nonces(server: ValkeyServer) -> str | None:
    seconds = (server.nonces_since or 0) + NONCE_SECONDS - server.now
    if seconds <= 0:
        return None
    return (
        f"Wait {seconds:.0f} s, and find out why Valkey has lost its data: until then signed calls "
        "are rejected with code 11, because earlier ones could be repeated"
    )
