"""The runs: steady load, sick endpoints beside healthy ones, and kills."""

import os
import random
import signal
import time
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import msgspec

from bench.webhooks.judge import Verdict, judge
from bench.webhooks.world import World
from persistence.embedded.server import EmbeddedServer

OPEN = """
SELECT count(*) FROM webhook_events
WHERE partner_id = ANY (%s) AND status IN ('pending', 'queued')
"""
WHERE = """
SELECT e.status, e.attempts, e.lease IS NOT NULL AS leased, a.http_status, a.error, count(*)
FROM webhook_events e LEFT JOIN webhook_attempts a ON a.event_id = e.id
WHERE e.partner_id = ANY (%s) AND e.status IN ('pending', 'queued')
GROUP BY 1, 2, 3, 4, 5 LIMIT 20
"""
DROP = """
UPDATE webhook_events SET status = 'dead', lease = NULL, leased_until = NULL
WHERE partner_id = ANY (%s) AND status IN ('pending', 'queued')
"""


class NotDelivered(Exception):
    """Events are still waiting after all patience."""


def warm_up(world: World, patience: float) -> None:
    """See that every process has begun, by a few events that don't count."""
    partners = world.partners(["ok"] * 8)
    writer, _ = world.write(partners, events=600, rate=300)
    writer.wait()
    _until_settled(world, partners, patience)


def steady(
    world: World, *, endpoints: int, events: int, rate: float, together: int, patience: float
) -> Verdict:
    """Deliver events to healthy endpoints at a rate, `together` of them committed at once."""
    warm_up(world, patience)
    partners = world.partners(["ok"] * endpoints)
    writer, committed = world.write(partners, events=events, rate=rate, together=together)
    writer.wait()
    _until_settled(world, partners, patience)
    return judge(world, partners, [committed])


class Isolation(msgspec.Struct):
    """The healthy endpoints' figures without and with sick ones beside them, run by run."""

    healthy: list[Verdict]
    beside_sick: list[Verdict]


def isolation(
    world: World, *, healthy: int, sick: int, events: int, rate: float, rounds: int, patience: float
) -> Isolation:
    """Run in turn with `sick` endpoints well and with them hanging or dripping, half of each."""
    behaviours = ["hang"] * (sick // 2) + ["drip"] * (sick - sick // 2)
    found = Isolation([], [])
    warm_up(world, patience)
    for _ in range(rounds):
        for others, verdicts in ((["ok"] * sick, found.healthy), (behaviours, found.beside_sick)):
            watched, beside = world.partners(["ok"] * healthy), world.partners(others)
            writer, committed = world.write([*watched, *beside], events=events, rate=rate)
            writer.wait()
            _until_settled(world, watched, patience)
            verdicts.append(judge(world, watched, [committed]))
            world.sql(DROP, beside)
    return found


class Kills(msgspec.Struct):
    """A run under kills: who was killed how often, and what it came to."""

    killed: dict[str, int]
    verdict: Verdict


def kills(
    world: World,
    *,
    endpoints: int,
    events: int,
    rate: float,
    number: int,
    seed: int,
    patience: float,
    whom: Collection[str] = ("delivery", "valkey", "postgresql"),
) -> Kills:
    """Kill delivery processes, Valkey and PostgreSQL by turns of chance while events are made."""
    chance = random.Random(seed)
    warm_up(world, patience)
    partners = world.partners(["ok"] * endpoints)
    writer, committed = world.write(partners, events=events, rate=rate)
    killed: dict[str, int] = {}
    servers: dict[str, EmbeddedServer] = {"valkey": world.valkey, "postgresql": world.postgres}
    pause = events / rate / number
    for _ in range(number):
        time.sleep(pause * chance.uniform(0.5, 1.5))
        name = chance.choice([*whom, "delivery"] if "delivery" in whom else [*whom])
        if name == "delivery":
            _kill_delivery(world, chance)
        else:
            _kill_server(servers[name])
        killed[name] = killed.get(name, 0) + 1
    writer.wait()
    _until_settled(world, partners, patience)
    return Kills(killed, judge(world, partners, [committed]))


def _kill_delivery(world: World, chance: random.Random) -> None:
    number = chance.randrange(len(world.delivery))
    world.delivery[number].kill()
    world.delivery[number].wait()
    world.delivery[number] = world.start_delivery(number)


def _kill_server(server: EmbeddedServer) -> None:
    os.kill(min(server._processes()), signal.SIGKILL)  # noqa: SLF001  nobody else asks this
    server.start()


def _until_settled(world: World, partners: Collection[UUID], patience: float) -> None:
    until = time.monotonic() + patience
    while (left := world.sql(OPEN, list(partners))[0][0]) != 0:
        if time.monotonic() > until:
            where = world.sql(WHERE, list(partners))
            raise NotDelivered(f"{left} events are still open after {patience:g} s: {where}")
        time.sleep(0.1)
    time.sleep(0.5)  # for the receiver to write down the last ones


def logs(directory: Path) -> str:
    """Return the delivery processes' last lines, for when something went wrong."""
    return "\n".join(
        line
        for file in sorted(directory.glob("delivery-*.log"))
        for line in file.read_text(errors="replace").splitlines()[-10:]
    )
