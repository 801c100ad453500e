"""Kills primaries of a Valkey cluster under load, and judges what the service did."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from gateway.wiring.operator.valkey_users import PASSWORDS_FILE
from persistence.valkey.admission.controller import window_key
from tests.conftest import Running, start_up, stop
from tests.failovers.load import Load, PartnerCalls
from tests.support.callers import LIMITED, UNAVAILABLE
from tests.support.clients.partner import Partner
from tests.support.servers.valkey.cluster import HOST, PASSWORDS, ValkeyCluster
from tests.support.waiting import wait_until

PARTNERS: Final = 6
BUDGET: Final = 100_000
SMALL_BUDGET: Final = 600
"""Of one partner, who exceeds it all the time."""
RECOVERY_SECONDS: Final = 10.0


class Verdict(msgspec.Struct, frozen=True, rename="camel"):
    """What happened, and what must be zero: wrong codes, accepted repetitions, exceeded windows."""

    seed: int
    calls: int
    kills: int
    accepted: int
    unavailable: int
    limited: int
    wrong: int
    repeated: int
    repetitions_accepted: int
    windows_exceeded: int
    longest_pauses: list[float]

    @property
    def is_exact(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.wrong or self.repetitions_accepted or self.windows_exceeded)


@contextmanager
def service(directory: Path, cluster: ValkeyCluster) -> Iterator[Running]:
    """Run `swapgate up` on a cluster, each process with its own user."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    passwords = data_dir / PASSWORDS_FILE
    passwords.write_text(json.dumps(PASSWORDS))
    passwords.chmod(0o600)
    hosts = ",".join(f"{HOST}:{node.port}" for node in cluster.nodes[:3])
    up = start_up(data_dir, environment={"SWAPGATE_VALKEY_URL": f"valkey+cluster://{hosts}"})
    try:
        yield up
    finally:
        stop(up)


class Campaign:
    """A load, and kills from a seed."""

    def __init__(self, up: Running, cluster: ValkeyCluster, *, seed: int) -> None:
        self._cluster = cluster
        self._seed = seed
        self._chance = random.Random(seed)
        self._partners = [
            self._partner(up, number, SMALL_BUDGET if number == 0 else BUDGET)
            for number in range(PARTNERS)
        ]
        self._load = Load(up.base_url, [calls for _, calls in self._partners], seed=seed)
        self._kills = 0
        self._pauses: list[float] = []

    def run(self, *, calls: int, kills: int) -> Verdict:
        """Kill so many primaries while so many calls are made, one after the other."""
        self._load.start()
        try:
            for number in range(kills):
                wait_until(lambda: self._load.calls, (calls * number // kills).__le__, seconds=3600)
                self._kill_a_primary()
            wait_until(lambda: self._load.calls, calls.__le__, seconds=3600)
        finally:
            self._load.stop()
        self._load.repeat_all()
        return self._verdict()

    def _kill_a_primary(self) -> None:
        wait_until(self._cluster.is_replicated, seconds=120)
        partner_id, calls = self._chance.choice(self._partners[1:])
        primary = self._cluster.owner_of(window_key(partner_id))
        primary.kill()
        self._kills += 1
        killed_at = time.monotonic()
        wait_until(lambda: calls.accepted[-1].sent_at > killed_at, seconds=120)
        self._pauses.append(round(time.monotonic() - killed_at, 1))
        self._cluster.wait_for_replacement(primary)
        primary.start()
        self._cluster.wait_until_complete()

    def _verdict(self) -> Verdict:
        codes = self._load.codes
        return Verdict(
            seed=self._seed,
            calls=self._load.calls,
            kills=self._kills,
            accepted=codes[0],
            unavailable=codes[UNAVAILABLE],
            limited=codes[LIMITED],
            wrong=self._load.broken
            + sum(codes[code] for code in codes.keys() - {0, UNAVAILABLE, LIMITED}),
            repeated=self._load.repetitions.total(),
            repetitions_accepted=self._load.repetitions[0],
            windows_exceeded=sum(
                calls.most_in_a_window() > calls.budget for _, calls in self._partners
            ),
            longest_pauses=sorted(self._pauses, reverse=True),
        )

    def _partner(self, up: Running, number: int, budget: int) -> tuple[UUID, PartnerCalls]:
        created = up.json("partner", "create", "--email", f"{number}@failovers.example")
        up.json("partner", "set", created["id"], "--budget", str(budget))
        partner = Partner(up.base_url, created["apiKey"], created["apiSecret"])
        return UUID(created["id"]), PartnerCalls(partner.until_active(), budget)
