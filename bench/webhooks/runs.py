"""The runs: steady load, failing endpoints beside healthy ones, and kills."""

import os
import random
import signal
import time
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import msgspec

from bench.webhooks.results import RunResult, compare
from bench.webhooks.world import World
from persistence.embedded.server import EmbeddedServer

COUNT_OPEN = """
SELECT count(*) FROM webhook_events
WHERE partner_id = ANY (%s) AND status IN ('pending', 'queued')
"""
DIAGNOSE = """
SELECT e.status, e.attempts, e.lease IS NOT NULL AS leased, a.http_status, a.error, count(*)
FROM webhook_events e LEFT JOIN webhook_attempts a ON a.event_id = e.id
WHERE e.partner_id = ANY (%s) AND e.status IN ('pending', 'queued')
GROUP BY 1, 2, 3, 4, 5 LIMIT 20
"""
ABANDON = """
UPDATE webhook_events SET status = 'dead', lease = NULL, leased_until = NULL
WHERE partner_id = ANY (%s) AND status IN ('pending', 'queued')
"""


class NotDelivered(Exception):
    """Events are still undelivered after the timeout."""


def warm_up(world: World, timeout: float) -> None:
    """Deliver a few events that do not count, so that every process is running."""
    partners = world.partners(["ok"] * 8)
    writer, _ = world.write(partners, events=600, rate=300)
    writer.wait()
    _until_settled(world, partners, timeout)


def steady(
    world: World, *, endpoints: int, events: int, rate: float, batch: int, timeout: float
) -> RunResult:
    """Deliver events to healthy endpoints at a rate, `batch` of them per commit."""
    warm_up(world, timeout)
    partners = world.partners(["ok"] * endpoints)
    writer, committed = world.write(partners, events=events, rate=rate, batch=batch)
    writer.wait()
    _until_settled(world, partners, timeout)
    return compare(world, partners, [committed])


class IsolationRun(msgspec.Struct):
    """The results of the healthy endpoints without and with failing ones beside them."""

    healthy: list[RunResult]
    beside_failing: list[RunResult]


def isolation(
    world: World,
    *,
    healthy: int,
    failing: int,
    events: int,
    rate: float,
    rounds: int,
    timeout: float,
) -> IsolationRun:
    """Alternate between `failing` healthy endpoints and as many that hang or drip, half of each."""
    behaviors = ["hang"] * (failing // 2) + ["drip"] * (failing - failing // 2)
    run = IsolationRun([], [])
    warm_up(world, timeout)
    for _ in range(rounds):
        for others, results in ((["ok"] * failing, run.healthy), (behaviors, run.beside_failing)):
            watched, beside = world.partners(["ok"] * healthy), world.partners(others)
            writer, committed = world.write([*watched, *beside], events=events, rate=rate)
            writer.wait()
            _until_settled(world, watched, timeout)
            results.append(compare(world, watched, [committed]))
            world.sql(ABANDON, beside)
    return run


class KillRun(msgspec.Struct):
    """A run under kills: how often each target was killed, and the result."""

    killed: dict[str, int]
    result: RunResult


def kills(
    world: World,
    *,
    endpoints: int,
    events: int,
    rate: float,
    number: int,
    seed: int,
    timeout: float,
    targets: Collection[str] = ("delivery", "valkey", "postgresql"),
) -> KillRun:
    """Kill delivery processes, Valkey and PostgreSQL at random while events are written."""
    generator = random.Random(seed)
    warm_up(world, timeout)
    partners = world.partners(["ok"] * endpoints)
    writer, committed = world.write(partners, events=events, rate=rate)
    killed: dict[str, int] = {}
    servers: dict[str, EmbeddedServer] = {"valkey": world.valkey, "postgresql": world.postgres}
    pause = events / rate / number
    for _ in range(number):
        time.sleep(pause * generator.uniform(0.5, 1.5))
        name = generator.choice([*targets, "delivery"] if "delivery" in targets else [*targets])
        if name == "delivery":
            _kill_delivery(world, generator)
        else:
            _kill_server(servers[name])
        killed[name] = killed.get(name, 0) + 1
    writer.wait()
    _until_settled(world, partners, timeout)
    return KillRun(killed, compare(world, partners, [committed]))


def _kill_delivery(world: World, generator: random.Random) -> None:
    number = generator.randrange(len(world.delivery))
    world.delivery[number].kill()
    world.delivery[number].wait()
    world.delivery[number] = world.start_delivery(number)


def _kill_server(server: EmbeddedServer) -> None:
    os.kill(min(server._processes()), signal.SIGKILL)  # noqa: SLF001  only this bench needs it
    server.start()


def _until_settled(world: World, partners: Collection[UUID], timeout: float) -> None:
    until = time.monotonic() + timeout
    while (left := world.sql(COUNT_OPEN, list(partners))[0][0]) != 0:
        if time.monotonic() > until:
            diagnosis = world.sql(DIAGNOSE, list(partners))
            raise NotDelivered(f"{left} events are still open after {timeout:g} s: {diagnosis}")
        time.sleep(0.1)
    time.sleep(0.5)  # until the receiver has flushed the last ones


def logs(directory: Path) -> str:
    """Return the last log lines of the delivery processes."""
    return "\n".join(
        line
        for file in sorted(directory.glob("delivery-*.log"))
        for line in file.read_text(errors="replace").splitlines()[-10:]
    )
