"""The cases to measure: each is a load on one server, with every process on its cores."""

import os
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from bench.calls import QUOTE, Call, encode, succeeded
from bench.limits.closed_loop import Measured, measure
from bench.limits.golang import why_no_go
from bench.limits.open_loop import measure as at_rate
from bench.limits.servers import Servers
from bench.processes import Server, cpu_seconds, machine_cpu_seconds, pin
from gateway.settings import Settings

SERVER: Final = 0
LOAD: Final = 1
BOTH: Final = (SERVER, LOAD)

BARE: Final = "bare Granian ASGI"
BARE_BATCH: Final = "bare Granian ASGI, SCHED_BATCH"
QUOTE_SIGNED: Final = "ours: signed /v1/price"
QUOTE_V1: Final = "ours: signed /v1/price, version 1"
QUOTE_FASTAPI: Final = "FastAPI, pydantic, uvicorn: the same"
QUOTE_GO: Final = "Go net/http, redigo: the same"
OPEN_BARE: Final = "open loop: bare Granian ASGI, SCHED_BATCH"
OPEN_OURS: Final = "open loop: ours, signed /v1/price"
GROUPS: Final = ("quotes", "discovery", "orders", "creates", "workers", "open-loop", "memory")

CONNECTIONS: Final = 32
CONNECTIONS_OF_CREATES: Final = 64
CONNECTIONS_OF_TWO: Final = 2 * CONNECTIONS
"""As many per worker as in the other cases. A single worker gets all of them, and is no slower."""
CREATE_LONE_UNGROUPED: Final = "/v1/create, 1 connection, ungrouped"
CREATE_LONE: Final = "/v1/create, 1 connection"
CREATES_UNGROUPED: Final = f"/v1/create, {CONNECTIONS_OF_CREATES} connections, ungrouped"
CREATES: Final = f"/v1/create, {CONNECTIONS_OF_CREATES} connections"
CREATES_TWO_WORKERS: Final = f"/v1/create, {CONNECTIONS_OF_CREATES} connections, two workers"
ONE_WORKER: Final = "one worker, two cores: signed /v1/price"
TWO_WORKERS: Final = "two workers, two cores: signed /v1/price"


class Case(msgspec.Struct, frozen=True):
    """A load to measure in each round; `base` is the name of the case it is compared with."""

    name: str
    group: str
    server: Server
    call: Call
    base: str | None
    connections: int = CONNECTIONS
    shared: bool = False
    """All processes on both cores, instead of the server alone on one and the rest on the other."""
    rate: float | None = None
    """Calls per second of an open loop; None for a closed loop."""

    def measure(self, servers: Servers, *, seconds: float) -> Measured:
        """Pin every process to its cores, then load the server."""
        pin(servers.others(), *(BOTH if self.shared else (LOAD,)))
        self.server.pin(*(BOTH if self.shared else (SERVER,)))
        own_pids = [os.getpid(), *servers.others(), *self.server.pids()]
        began = time.monotonic()
        all_before, own_before = machine_cpu_seconds(), cpu_seconds(own_pids)
        measured = self._measure(seconds)
        took = time.monotonic() - began
        used = machine_cpu_seconds() - all_before - (cpu_seconds(own_pids) - own_before)
        foreign = used / took - measured.load_cores
        return msgspec.structs.replace(measured, foreign_cores=max(foreign, 0.0))

    def _measure(self, seconds: float) -> Measured:
        cores = BOTH if self.shared else (LOAD,)
        if self.rate is not None:
            return at_rate(self.server, self.call, rate=self.rate, seconds=seconds, cores=cores)
        return measure(
            self.server, self.call, seconds=seconds, connections=self.connections, cores=cores
        )


def cases(servers: Servers, groups: set[str]) -> list[Case]:
    """Start the servers of the groups and return the cases, in the order of a round."""
    ours = servers.ours()
    unsigned = Call("/v1/price", [encode(QUOTE)])
    currencies, pairs = Call("/v1/currencies", [b"{}"]), Call("/v1/pairs", [b"{}"])
    responses = {call.path: succeeded(ours.port, call) for call in (unsigned, currencies, pairs)}
    selected = list(_bare(servers, responses, groups))
    if "quotes" in groups:
        selected += _quotes(servers, ours)
    if "discovery" in groups:
        selected += _unsigned(servers, ours, responses, [currencies, pairs, unsigned])
    if "orders" in groups:
        reads = servers.reads(ours.port)
        selected.append(Case("ours: /v1/order", "orders", ours, reads, BARE_BATCH))
    if "creates" in groups:
        selected += _creates(servers, ours)
    if "workers" in groups:
        selected += _workers(servers, ours)
    return selected


def _bare(servers: Servers, responses: dict[str, bytes], groups: set[str]) -> Iterator[Case]:
    group = "quotes" if "quotes" in groups else "orders"
    for name, batch in ((BARE, False), (BARE_BATCH, True)):
        server = servers.on_granian("bare", responses, batch=batch)
        yield Case(name, group, server, servers.quote, BARE)


def _quotes(servers: Servers, ours: Server) -> Iterator[Case]:
    echo = servers.on_granian("echo", {}, batch=True)
    yield Case("BlackSheep echo, SCHED_BATCH", "quotes", echo, servers.quote, BARE)
    yield Case(QUOTE_SIGNED, "quotes", ours, servers.quote, BARE)
    yield Case(QUOTE_V1, "quotes", ours, servers.quote_v1, QUOTE_SIGNED)
    peer = servers.fastapi()
    succeeded(peer.port, servers.quote)
    yield Case(QUOTE_FASTAPI, "quotes", peer, servers.quote, BARE)
    go = servers.go()
    if go is not None:
        succeeded(go.port, servers.quote)
        yield Case(QUOTE_GO, "quotes", go, servers.quote, BARE)


def _unsigned(
    servers: Servers, ours: Server, responses: dict[str, bytes], calls: list[Call]
) -> Iterator[Case]:
    bare = servers.on_granian("bare", responses, batch=True)
    for call in calls:
        size = len(responses[call.path])
        base = f"bare, SCHED_BATCH: the {size:,} bytes of {call.path}"
        yield Case(base, "discovery", bare, call, None)
        yield Case(f"ours: unsigned {call.path}", "discovery", ours, call, base)


def _creates(servers: Servers, ours: Server) -> Iterator[Case]:
    create = servers.create
    alone = servers.ours("ungrouped", environment={"SWAPGATE_GROUP_ORDERS": "false"})
    two = servers.ours(TWO_WORKERS, workers=2)
    for name, server, base, connections in (
        (CREATE_LONE_UNGROUPED, alone, None, 1),
        (CREATE_LONE, ours, CREATE_LONE_UNGROUPED, 1),
        (CREATES_UNGROUPED, alone, None, CONNECTIONS_OF_CREATES),
        (CREATES, ours, CREATES_UNGROUPED, CONNECTIONS_OF_CREATES),
        (CREATES_TWO_WORKERS, two, CREATES_UNGROUPED, CONNECTIONS_OF_CREATES),
    ):
        yield Case(name, "creates", server, create, base, connections=connections, shared=True)


def _workers(servers: Servers, ours: Server) -> Iterator[Case]:
    two = servers.ours(TWO_WORKERS, workers=2)
    for name, server in ((ONE_WORKER, ours), (TWO_WORKERS, two)):
        yield Case(
            name,
            "workers",
            server,
            servers.quote,
            ONE_WORKER,
            connections=CONNECTIONS_OF_TWO,
            shared=True,
        )


def open_loop(servers: Servers, existing: list[Case], rate: float) -> list[Case]:
    """Return the cases at a constant rate: signed quotes, and bare Granian with the same policy.

    `existing` are the cases that have already been created, with their servers.
    """
    bare = next(case for case in existing if case.name == BARE_BATCH).server
    return [
        Case(OPEN_BARE, "open-loop", bare, servers.quote, None, rate=rate),
        Case(OPEN_OURS, "open-loop", servers.ours(), servers.quote, OPEN_BARE, rate=rate),
    ]


def creates_expected(groups: set[str], *, rounds: int, seconds: float) -> int:
    """Return the maximum number of pay-in addresses that the creates of a run use."""
    return int((rounds + 1) * seconds * 3 * 8_000) if "creates" in groups else 0


def remarks(servers: Servers, groups: set[str]) -> list[str]:
    """Return notes that are necessary to interpret the figures."""
    notes = []
    if "quotes" in groups and (missing := why_no_go()):
        notes.append(missing)
    if "creates" in groups:
        notes.append(
            "Creates are durable: fsync, synchronous_commit and full_page_writes are on"
            if servers.durable()
            else "PostgreSQL does NOT wait for the disk: creates are not durable or comparable"
        )
        if "group_orders" not in Settings.__struct_fields__:
            notes.append("Creates cannot be ungrouped in this version: both rows measure the same")
    return notes
