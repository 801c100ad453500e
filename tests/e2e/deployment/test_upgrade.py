"""The version before works while the database is migrated, and on the new schema afterwards.

That version is the last one before the tables were partitioned. 0.2.0 is too old for this: its
upgrade takes an interruption (docs/decisions/0168).
"""

import subprocess
import tarfile
import threading
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running, start_up, stop
from tests.support.clients.partner import Partner, order_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
FIRST_NEW = "persistence/postgres/migrations/0136-bounds-of-first-partitions.sql"
NOT_IN_GIT = "cabinet_htmx/static/vendor"
MAX_WAIT_SECONDS = 90
ORDERS_EACH = 10


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def version_before(directory: Path) -> Path:
    """Return a checkout of the version before the first of the new migrations."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", FIRST_NEW).decode().split()
    with tarfile.open(fileobj=BytesIO(git("archive", f"{added[-1]}^"))) as archive:
        archive.extractall(directory, filter="data")
    (directory / NOT_IN_GIT).symlink_to(ROOT / NOT_IN_GIT)
    assert not (directory / FIRST_NEW).exists()
    return directory


class Customers(threading.Thread):
    """Opens orders, one after the other, and pays for each, until stopped."""

    def __init__(self, up: Running, partner: Partner) -> None:
        super().__init__()
        self.up = up
        self.partner = partner
        self.orders: list[dict[str, Any]] = []
        self.failed: list[object] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                key = {"Idempotency-Key": str(uuid4())}
                response = self.partner.call("/create", order_request(), **key)
                if response.status != 200 or response.code:
                    self.failed.append(response)
                    continue
                order = response.data
                self.orders.append(order)
                self.up.json("sandbox", "deposit", order["id"])
                read = self.partner.call("/order", {"id": order["id"], "token": order["token"]})
                if read.code:
                    self.failed.append(read)
            except (OSError, AssertionError) as error:
                self.failed.append(error)

    def after(self, number: int) -> None:
        """Wait until so many more orders are opened."""
        wanted = len(self.orders) + number
        wait_until(
            lambda: len(self.orders) >= wanted or self.failed, bool, seconds=MAX_WAIT_SECONDS
        )

    def stop(self) -> None:
        self.stopped.set()
        self.join()


def all_delivered(receiver: Receiver, orders: list[dict[str, Any]]) -> None:
    for order in orders:
        wait_until(
            lambda order=order: receiver.statuses(order["id"]),  # type: ignore[misc]
            ["PENDING", "EXCHANGE", "DONE"].__eq__,
            seconds=MAX_WAIT_SECONDS,
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_version_before_works_during_the_migration_and_after_it(tmp_path: Path) -> None:
    before = version_before(tmp_path / "before")
    old = {"PYTHONPATH": str(before)}
    up = start_up(tmp_path / "data", "--workers", "2", environment=old, directory=before)
    orders: list[dict[str, Any]] = []
    try:
        demo = up.demo()
        with receiving(demo.webhook_secret) as receiver:
            up.json("partner", "set", demo.cabinet_email, "--webhook-url", receiver.url)
            up.json("partner", "set", demo.cabinet_email, "--budget", "1000000")
            customers = Customers(up, up.partner())
            customers.start()
            try:
                customers.after(ORDERS_EACH)
                migrated = up.command("migrate", "--json")
                assert migrated.returncode == 0, migrated.stderr
                assert Path(FIRST_NEW).stem in migrated.stdout
                customers.after(ORDERS_EACH)
            finally:
                customers.stop()
            assert customers.failed == []
            orders += customers.orders
            assert len(orders) >= 2 * ORDERS_EACH
            all_delivered(receiver, orders)

            stop(up)
            up = start_up(tmp_path / "data", port=up.port)
            customers = Customers(up, up.partner())
            customers.start()
            try:
                customers.after(ORDERS_EACH)
            finally:
                customers.stop()
            assert customers.failed == []
            all_delivered(receiver, customers.orders)
            orders += customers.orders
            assert not receiver.forged
            assert all(len(bodies) == 1 for bodies in receiver.bodies.values())
            assert len(receiver.bodies) == 3 * len(orders)
        assert up.json("reconcile") == {"differences": []}
    finally:
        stop(up)
