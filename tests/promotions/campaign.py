"""Kills primaries of PostgreSQL under load, promotes their standbys and judges the service."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from valkey import Valkey

from persistence.valkey.history import KEY
from tests.conftest import Running, start_up, stop
from tests.promotions.load import Acknowledged, OrderLoad
from tests.support.callers import LIMITED, UNAVAILABLE
from tests.support.clients.partner import Partner
from tests.support.servers.own.replicated import ReplicatedPostgres
from tests.support.waiting import wait_until

DATABASE: Final = "swapgate"
PARTNERS: Final = 4
BUDGET: Final = 1_000_000
MAX_SECONDS: Final = 120.0
RECOVERY_SECONDS: Final = 15.0
DETECTION_SECONDS: Final = 2.0
"""After at most so long without a primary the standby is promoted."""

ORDERS: Final = "SELECT id FROM orders WHERE partner_id = ANY (%s)"
SHARED: Final = "SELECT count(*) - count(DISTINCT pay_in_address) FROM orders"


class Verdict(msgspec.Struct, frozen=True, rename="camel"):
    """What happened; `is_exact` says what must be zero."""

    seed: int
    promotions: int
    calls: int
    codes: dict[str, int]
    acknowledged: int
    wrong: int
    missing: int
    duplicates: int
    changed: int
    shared_addresses: int
    unsettled: int
    differences: int
    longest_call: float
    recoveries: list[float]
    """Seconds from each promotion to the first order that was requested after it."""

    @property
    def is_exact(self) -> bool:
        """Whether nothing was wrong, and each recovery took as long as it may."""
        return not any(
            (
                self.wrong,
                self.missing,
                self.duplicates,
                self.changed,
                self.shared_addresses,
                self.unsettled,
                self.differences,
                max(self.recoveries, default=0) > RECOVERY_SECONDS,
            )
        )


@contextmanager
def service(directory: Path, servers: ReplicatedPostgres) -> Iterator[Running]:
    """Run `swapgate up` on the servers."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    servers.primary.execute(f"CREATE DATABASE {DATABASE}")
    up = start_up(data_dir, environment={"SWAPGATE_DATABASE_URL": servers.url(DATABASE)})
    try:
        yield up
    finally:
        stop(up)


class Campaign:
    """A load, and promotions from a seed."""

    def __init__(self, up: Running, servers: ReplicatedPostgres, *, seed: int) -> None:
        self._up = up
        self._servers = servers
        self._seed = seed
        self._chance = random.Random(seed)
        created = [self._partner(number) for number in range(PARTNERS)]
        self._ids = [partner_id for partner_id, _ in created]
        self._load = OrderLoad([partner for _, partner in created], seed=seed)
        self._recoveries: list[float] = []
        self._paid: list[Acknowledged] = []

    def run(self, promotions: int) -> Verdict:
        """Promote so often, one after the other, and return what came of it."""
        timeline = self._timeline()
        self._load.start()
        try:
            for number in range(promotions):
                wait_until(self._marker, (True, timeline + number).__eq__, seconds=MAX_SECONDS)
                time.sleep(self._chance.uniform(0, 1))
                self._promote()
        finally:
            self._load.stop()
        return self._verdict()

    def _promote(self) -> None:
        self._servers.kill_primary()
        time.sleep(self._chance.uniform(0, DETECTION_SECONDS))
        self._servers.promote()
        promoted_at = time.monotonic()
        first = wait_until(lambda: self._load.first_after(promoted_at), seconds=MAX_SECONDS)
        assert first is not None
        self._recoveries.append(round(first.received_at - promoted_at, 1))
        paid = {"id": str(first.order)}
        wait_until(lambda: first.partner.call("/sandbox/deposit", paid).code, (0).__eq__)
        self._paid.append(first)
        self._servers.rebuild()

    def _marker(self) -> tuple[bool, int] | None:
        """Return what settlement keeps: whether writes wait for a standby, and the timeline."""
        with Valkey.from_url(self._up.valkey_url()) as client:
            stored: Any = client.get(KEY)
        if stored is None:
            return None
        marker = msgspec.json.decode(stored)
        return marker["synchronous"], marker["timeline"]

    def _timeline(self) -> int:
        return int(self._servers.primary.value("SELECT timeline FROM database_history", DATABASE))

    def _verdict(self) -> Verdict:
        unsettled = sum(not self._is_settled(one) for one in self._paid)
        with psycopg.connect(self._servers.url(DATABASE)) as connection:
            stored = {row[0] for row in connection.execute(ORDERS, [self._ids])}
            (shared,) = connection.execute(SHARED).fetchone() or (0,)
        known = {one.order for one in self._load.acknowledged}
        codes = self._load.codes
        return Verdict(
            seed=self._seed,
            promotions=len(self._recoveries),
            calls=codes.total(),
            codes={str(code): number for code, number in sorted(codes.items())},
            acknowledged=len(known),
            wrong=codes.total() - codes[0] - codes[UNAVAILABLE] - codes[LIMITED],
            missing=len(known - stored),
            duplicates=len(stored - known),
            changed=self._load.changed,
            shared_addresses=shared,
            unsettled=unsettled,
            differences=len(self._up.json("reconcile")["differences"]),
            longest_call=round(self._load.longest_call, 1),
            recoveries=sorted(self._recoveries, reverse=True),
        )

    def _is_settled(self, paid: Acknowledged) -> bool:
        """Return whether an order that was paid is complete, or will be within a minute."""

        def status() -> object:
            return self._up.json("order", "show", str(paid.order))["status"]

        try:
            wait_until(status, "DONE".__eq__)
        except AssertionError:
            return False
        return True

    def _partner(self, number: int) -> tuple[UUID, Partner]:
        created = self._up.json("partner", "create", "--email", f"{number}@promotions.example")
        self._up.json("partner", "set", created["id"], "--budget", str(BUDGET))
        partner = Partner(self._up.base_url, created["apiKey"], created["apiSecret"])
        return UUID(created["id"]), partner.until_active()
