"""Which connections are closed when there are too many: of one address, or in total."""

import resource
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

RESERVED_FILES: Final = 256
"""Open files of a worker that are no connections of clients: databases, Valkey, logs."""
SPARE: Final = 2
"""Connections that the server accepts for each that is allowed."""
NEARLY_FULL: Final = 0.5
FIRST_BYTE_MS: Final = 2_000

Peer = tuple[str, str]
"""The address and port of a client, as in Granian's ASGI scope, where the port is text."""


class Reason(StrEnum):
    """Why a connection is closed; a label of the metric."""

    ADDRESS = "address"
    REJECTED = "rejected"
    """Closed after a response, see ClientConnections."""
    SILENT = "silent"
    FULL = "full"
    UNREAD = "unread"
    """Large responses that wait for their client, see LargeResponses."""


class Limits(msgspec.Struct, frozen=True):
    """Of one worker: connections of one client address (0: no limit), and of all together."""

    per_address: int
    total: int


class Connection(NamedTuple):
    """An open connection of a client."""

    descriptor: int
    peer: Peer
    address: str | None
    """What it counts for: its peer's address, of IPv6 the /64; None for a trusted proxy."""


class Activity(NamedTuple):
    """What decides which connections are closed first: the smallest.

    Those without a request in progress before others, those that never got a response before
    others, those that never sent anything before others, and then those that were quiet for the
    longest time.
    """

    in_progress: bool
    served: bool
    has_sent: bool
    minus_quiet_ms: int


def possible_total(wanted: int) -> int:
    """Return `wanted` connections, or fewer if this process may not open enough files.

    It needs two files for each, because more are accepted until the next look at them. Raises the
    limit of open files as far as the system permits.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = SPARE * wanted + RESERVED_FILES
    if allowed == resource.RLIM_INFINITY:
        return wanted
    if allowed < files:
        allowed = files if most == resource.RLIM_INFINITY else min(files, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(1, min(wanted, (allowed - RESERVED_FILES) // SPARE))


def exceeding(connections: Sequence[Connection], limits: Limits) -> Iterator[Connection]:
    """Return the connections of which some may have to be closed."""
    if len(connections) > NEARLY_FULL * limits.total:
        yield from connections
        return
    for group in _by_address(connections) if limits.per_address else ():
        if len(group) > limits.per_address:
            yield from group


def over_limits(
    connections: Sequence[Connection],
    limits: Limits,
    activity: Callable[[Connection], Activity],
) -> Iterator[tuple[Connection, Reason]]:
    """Return the connections to close; `activity` is needed of those that are `exceeding`.

    When half of all places are taken, a client must send something within two seconds. Requests in
    progress are interrupted only if an address alone has too many.
    """
    closed: set[Connection] = set()
    for group in _by_address(connections) if limits.per_address else ():
        excess = len(group) - limits.per_address
        if excess > 0:
            closed.update(sorted(group, key=activity)[:excess])
    for connection in closed:
        yield connection, Reason.ADDRESS
    others = [connection for connection in connections if connection not in closed]
    if len(others) > NEARLY_FULL * limits.total:
        yield from _to_make_room(others, limits.total, activity)


def _by_address(connections: Sequence[Connection]) -> Iterable[list[Connection]]:
    groups: defaultdict[str, list[Connection]] = defaultdict(list)
    for connection in connections:
        if connection.address is not None:
            groups[connection.address].append(connection)
    return groups.values()


def _to_make_room(
    connections: Sequence[Connection], total: int, activity: Callable[[Connection], Activity]
) -> Iterator[tuple[Connection, Reason]]:
    ranked = sorted((activity(connection), connection) for connection in connections)
    excess = len(connections) - total
    for position, (rank, connection) in enumerate(ranked):
        if rank.in_progress:
            return
        if not rank.has_sent and -rank.minus_quiet_ms > FIRST_BYTE_MS:
            yield connection, Reason.SILENT
        elif position < excess:
            yield connection, Reason.FULL
