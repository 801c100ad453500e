"""Of several settlement processes with the same wallet one leads each network, and alone sends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest

from domain.chains.leases import Lease, LeaseLost
from feeds.settlement.payouts.leadership import RENEWAL_SECONDS, Leadership
from persistence.postgres.chains.leases import LEASE_TIME, PostgresLeaseRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.settling import NETWORK
from tests.support.clients.operator_command import Operator, new_operator, with_database
from tests.support.waiting import wait_until

T = TypeVar("T")

SHORT_LEASE = 1.0
TAKEOVER_SECONDS = 15.0


class Settlements:
    """Settlement processes on one database, and the directory that is their chain."""

    def __init__(self, operator: Operator, directory: Path) -> None:
        self.operator = operator
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        directory.mkdir()

    def start(
        self, holder: str, *, lease_seconds: float = SHORT_LEASE, shift: float = 0
    ) -> subprocess.Popen[bytes]:
        arguments = [
            *(sys.executable, "-m", "tests.support.chains.settling"),
            *(self.operator.urls.settlement, str(self.directory), holder),
            *(str(lease_seconds), str(shift)),
        ]
        with (self.directory / f"log-{holder}").open("ab") as output:
            process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
        self.processes[holder] = process
        return process

    def start_leader(self, holder: str, **options: float) -> subprocess.Popen[bytes]:
        process = self.start(holder, **options)
        wait_until(lambda: self.leader() == holder, seconds=30, context=lambda: self.log(holder))
        return process

    def leader(self) -> str | None:
        rows = self.operator.sql(
            "SELECT holder FROM settlement_leases "
            f"WHERE network = '{NETWORK}' AND expires_at > clock_timestamp()"
        )
        return rows[0][0] if rows else None

    def hold(self, holder: str) -> Path:
        """Let a process wait within `sign`, until the file is removed."""
        file = self.directory / f"hold-{holder}"
        file.touch()
        return file

    def lines(self, name: str) -> list[str]:
        file = self.directory / name
        return file.read_text().splitlines() if file.exists() else []

    def signed_by(self, holder: str) -> list[str]:
        return [one for one in self.lines("signed") if f" {holder}-" in one]

    def log(self, holder: str) -> str:
        return (self.directory / f"log-{holder}").read_text()[-2_000:]

    def paying_out(self) -> UUID:
        order_id = self.operator.order()
        self.operator.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", order_id)
        return UUID(order_id)

    def wait_settled(self, orders: list[UUID]) -> None:
        statement = "SELECT count(*) FROM outflows WHERE settled_at IS NOT NULL"
        wait_until(
            lambda: self.operator.sql(statement) == [(len(orders),)],
            seconds=30,
            context=lambda: "\n".join(self.log(holder) for holder in self.processes),
        )

    def check_paid_once(self, orders: list[UUID]) -> None:
        """Check that each order names the only transaction that its nonce was used for."""
        found = self.operator.sql(
            "SELECT o.id, o.payout_tx_id, w.tx_id, w.settled_tx_id, w.nonce FROM orders o "
            "JOIN outflows w ON w.order_id = o.id WHERE o.state = 'completed' ORDER BY w.nonce"
        )
        assert {row[0] for row in found} == set(orders)
        on_chain = [one.read_text() for one in sorted(self.directory.glob("nonce-*"))]
        assert [row[1:] for row in found] == [
            (tx_id, tx_id, tx_id, nonce) for nonce, tx_id in enumerate(on_chain)
        ]
        assert self.lines("conflicts") == []
        assert set(self.lines("broadcast")) == set(on_chain)

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(30)


@pytest.fixture
def settlements(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> Iterator[Settlements]:
    operator = new_operator(database_urls, servers, tmp_path, sandbox=False)
    settlements = Settlements(operator, tmp_path / "chain")
    yield settlements
    settlements.stop()


def test_of_two_processes_only_the_leader_signs(settlements: Settlements) -> None:
    settlements.start_leader("first")
    settlements.start("second")
    orders = [settlements.paying_out() for _ in range(6)]
    settlements.wait_settled(orders)
    settlements.check_paid_once(orders)
    assert len(settlements.signed_by("first")) == len(orders)
    assert settlements.signed_by("second") == []


def test_a_standby_takes_over_within_15_seconds_of_a_kill(settlements: Settlements) -> None:
    leader = settlements.start_leader("first", lease_seconds=LEASE_TIME.total_seconds())
    settlements.start("second", lease_seconds=LEASE_TIME.total_seconds())
    settlements.hold("first")
    order = settlements.paying_out()
    wait_until(lambda: settlements.signed_by("first"))
    killed = time.monotonic()
    leader.kill()
    wait_until(lambda: settlements.leader() == "second", seconds=30)
    assert time.monotonic() - killed < TAKEOVER_SECONDS
    settlements.wait_settled([order])
    settlements.check_paid_once([order])
    assert len(settlements.signed_by("second")) == 1


@pytest.mark.parametrize("step", ["signed", "broadcast"])
def test_an_order_is_paid_once_when_its_leader_is_killed(
    settlements: Settlements, step: str
) -> None:
    leader = settlements.start_leader("first")
    settlements.start("second")
    orders = [settlements.paying_out() for _ in range(4)]
    wait_until(lambda: settlements.lines(step))
    leader.kill()
    settlements.wait_settled(orders)
    settlements.check_paid_once(orders)
    assert settlements.leader() == "second"


def test_a_process_paused_beyond_its_lease_discards_what_it_signed(
    settlements: Settlements,
) -> None:
    paused = settlements.start_leader("first")
    hold = settlements.hold("first")
    orders = [settlements.paying_out()]
    wait_until(lambda: settlements.signed_by("first"))
    os.kill(paused.pid, signal.SIGSTOP)
    settlements.start("second")
    settlements.wait_settled(orders)
    hold.unlink()
    os.kill(paused.pid, signal.SIGCONT)
    wait_until(lambda: settlements.lines("released"), lambda lines: len(lines) == 2)
    orders.append(settlements.paying_out())
    settlements.wait_settled(orders)
    settlements.check_paid_once(orders)
    assert Counter(line.split()[2].partition("-")[0] for line in settlements.lines("signed")) == {
        "first": 1,
        "second": 2,
    }
    assert not any(one.startswith("first-") for one in settlements.lines("broadcast"))


@pytest.mark.parametrize("shift", [-3600.0, 3600.0])
def test_a_process_with_a_wrong_clock_takes_over_only_when_the_leader_is_gone(
    settlements: Settlements, shift: float
) -> None:
    leader = settlements.start_leader("first")
    settlements.start("skewed", shift=shift)
    orders = [settlements.paying_out()]
    settlements.wait_settled(orders)
    (token,) = settlements.operator.sql("SELECT token FROM settlement_leases")
    renewed = renewals(settlements, 5)
    assert renewed == token
    leader.kill()
    orders.append(settlements.paying_out())
    settlements.wait_settled(orders)
    settlements.check_paid_once(orders)
    assert len(settlements.signed_by("skewed")) == 1


def renewals(settlements: Settlements, number: int) -> Any:
    """Wait until the lease was renewed a number of times; return its token then."""

    def read() -> list[tuple[Any, ...]]:
        return settlements.operator.sql("SELECT expires_at FROM settlement_leases")

    seen = [read()]
    while len(seen) <= number:
        seen.append(wait_until(read, lambda now: now != seen[-1]))
    (token,) = settlements.operator.sql("SELECT token FROM settlement_leases")
    return token


def test_the_lease_is_renewed_often_enough_and_taken_over_within_15_seconds() -> None:
    assert LEASE_TIME.total_seconds() > 3 * RENEWAL_SECONDS
    assert LEASE_TIME.total_seconds() + RENEWAL_SECONDS < TAKEOVER_SECONDS


def under_settlement(operator: Operator, work: Callable[[Database], Awaitable[T]]) -> T:
    return with_database(operator.urls.settlement, work)


def test_a_lease_has_one_holder_and_a_higher_token_for_each(settlements: Settlements) -> None:
    async def work(database: Database) -> None:
        leases = PostgresLeaseRepository(database, lease_time=timedelta(seconds=0.2))
        first = await leases.take(NETWORK, holder="first")
        assert first is not None
        assert await leases.take(NETWORK, holder="second") is None
        await leases.release(first)
        second = await leases.take(NETWORK, holder="second")
        assert second is not None
        assert (second.holder, second.token > first.token) == ("second", True)
        assert not await leases.renew(first)
        assert not await leases.is_valid(first)
        await expired(leases, second)
        assert not await leases.renew(second)

    under_settlement(settlements.operator, work)


def test_a_lease_that_a_failover_lost_is_not_valid_for_the_next_holder(
    settlements: Settlements,
) -> None:
    lost: list[Lease] = []

    async def take_first(database: Database) -> None:
        first = await PostgresLeaseRepository(database).take(NETWORK, holder="first")
        assert first is not None
        lost.append(first)

    async def take_second(database: Database) -> None:
        leases = PostgresLeaseRepository(database)
        second = await leases.take(NETWORK, holder="second")
        assert second is not None
        assert await leases.is_valid(second)
        assert not await leases.is_valid(lost[0])
        assert not await leases.renew(lost[0])

    under_settlement(settlements.operator, take_first)
    settlements.operator.sql("DELETE FROM settlement_leases")
    under_settlement(settlements.operator, take_second)


async def expired(leases: PostgresLeaseRepository, lease: Lease) -> None:
    while await leases.is_valid(lease):  # noqa: ASYNC110  the database's clock
        await asyncio.sleep(0.01)


def test_the_token_of_a_lease_never_decreases(settlements: Settlements) -> None:
    async def work(database: Database) -> None:
        assert await PostgresLeaseRepository(database).take(NETWORK, holder="first")

    under_settlement(settlements.operator, work)
    with (
        psycopg.connect(settlements.operator.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="grows with each holder"),
    ):
        connection.execute("UPDATE settlement_leases SET holder = 'thief'")


def test_a_round_works_under_the_lease_it_began_with(settlements: Settlements) -> None:
    async def work(database: Database) -> None:
        leases = PostgresLeaseRepository(database, lease_time=timedelta(seconds=0.2))
        leadership = Leadership(leases, network=NETWORK, holder="first")
        assert not leadership.begin_round()
        with pytest.raises(LeaseLost):
            await leadership.require()
        await leadership.keep()
        assert leadership.begin_round()
        began = leadership.lease_of_round()
        assert began is not None
        await leadership.require()
        await expired(leases, began)
        await leadership.keep()
        with pytest.raises(LeaseLost):
            await leadership.require()
        assert leadership.begin_round()
        await leadership.require()

    under_settlement(settlements.operator, work)
