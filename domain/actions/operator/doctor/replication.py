"""Check the hosts of the database URL: one primary, and standbys that its commits wait for."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark

MAX_BYTES_BEHIND: Final = 64 * 2**20


class DatabaseHost(msgspec.Struct, frozen=True, kw_only=True):
    """What a host reports; `problem` is why it cannot be reached.

    `position` is how much of the log a primary has written or a standby has applied, in bytes.
    `synchronous` is the setting synchronous_standby_names, `followers` how many standbys are
    connected.
    """

    name: str
    problem: str = ""
    is_standby: bool = False
    position: int = 0
    synchronous: str = ""
    followers: int = 0


ReadHosts = Callable[[], Awaitable[Sequence[DatabaseHost]]]
"""Returns the hosts of the URL; none for a single one."""


def replication_checks(read_hosts: ReadHosts) -> list[tuple[str, Probe]]:
    """Return the check of all hosts."""

    async def probe() -> str | None:
        hosts = await read_hosts()
        return _advice(hosts) if hosts else None

    return [("database-hosts", probe)]


def _advice(hosts: Sequence[DatabaseHost]) -> str:
    unreachable = [host for host in hosts if host.problem]
    if unreachable:
        host = unreachable[0]
        return (
            f"{host.name} cannot be reached ({host.problem}): start it, or take it out of the URL"
        )
    primaries = [host for host in hosts if not host.is_standby]
    if len(primaries) != 1:
        names = " and ".join(host.name for host in primaries) or "None of the hosts"
        return f"{names} accept writes: exactly one may. End the server that is not the primary"
    primary, standbys = primaries[0], [host for host in hosts if host.is_standby]
    for host in standbys:
        behind = primary.position - host.position
        if behind > MAX_BYTES_BEHIND:
            return f"{host.name} is {behind:,} bytes behind {primary.name}: see its log and load"
    if not primary.synchronous:
        return (
            f"Set synchronous_standby_names on {primary.name}: without it a promotion loses the "
            "newest orders, and puts the database on hold"
        )
    if not primary.followers:
        return f"No standby is connected to {primary.name}: its commits wait for one"
    return Remark(_summary(primary, standbys))


def _summary(primary: DatabaseHost, standbys: Sequence[DatabaseHost]) -> str:
    followed = [
        f"{host.name} is a standby, {max(primary.position - host.position, 0):,} bytes behind"
        for host in standbys
    ]
    waits = f"{primary.name} is the primary and waits for '{primary.synchronous}'"
    return "; ".join([waits, f"{primary.followers} connected", *followed])
