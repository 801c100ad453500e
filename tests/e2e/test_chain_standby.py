"""Two settlement processes with one wallet on real nodes: only the leader's payments are sent."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import SWAPGATE
from tests.support.chains.swap import Swap
from tests.support.chains.world import World, needs_nodes

pytestmark = [needs_nodes, pytest.mark.slow]

TAKEOVER_SECONDS = 15.0


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    new_world = World(tmp_path_factory.mktemp("standby"), external_signer=True)
    yield new_world
    new_world.close()


@pytest.fixture
def standby(world: World, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A second settlement process, which leads nothing yet."""
    with (tmp_path / "standby.log").open("wb") as log:
        process = subprocess.Popen(
            [*SWAPGATE, "settlement", "--data-dir", str(world.running.data_dir)],
            env={**os.environ, "SWAPGATE_CHAINS": str(world.chains_file)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    process.kill()
    process.wait(30)


def leader(world: World) -> int:
    """Return the process id of Ethereum's leader, 0 if nobody leads."""
    rows = world.sql(
        "SELECT holder FROM settlement_leases "
        "WHERE network = 'Ethereum' AND expires_at > clock_timestamp()"
    )
    return int(rows[0][0].split(":")[1]) if rows else 0


def check_paid_once(world: World, swap: Swap) -> None:
    done = swap.until("DONE")
    outflow = world.outflow(swap)
    assert outflow is not None
    assert done["to"]["tx"]["id"] == outflow["tx_id"]
    assert swap.received_ether() == Decimal(done["to"]["amount"])
    transaction = world.anvil.call("eth_getTransactionByHash", outflow["tx_id"])
    assert int(transaction["nonce"], 16) == outflow["nonce"]
    sent = int(world.anvil.call("eth_getTransactionCount", world.hot_address, "latest"), 16)
    assert sent == outflow["nonce"] + 1


def test_a_leader_paused_during_signing_is_replaced_and_sends_nothing_afterwards(
    world: World, standby: subprocess.Popen[bytes]
) -> None:
    first = world.until(world.settlement_pid)
    world.until(lambda: leader(world) == first)
    world.signer_hold.touch()
    swap = world.paid_for("eth")
    world.until(world.signer_held)
    os.kill(first, signal.SIGSTOP)
    try:
        paused = time.monotonic()
        world.until(lambda: leader(world) == standby.pid)
        assert time.monotonic() - paused < TAKEOVER_SECONDS
        world.signer_hold.unlink()
        swap.until("DONE")
    finally:
        os.kill(first, signal.SIGCONT)
    later = world.paid_for("eth")
    check_paid_once(world, later)
    assert leader(world) == standby.pid
    assert swap.received_ether() == Decimal(swap.now()["to"]["amount"])
    assert world.running.command("doctor").stdout.count(f":{standby.pid}:")


def test_a_leader_that_is_stopped_in_order_is_replaced_at_once(
    world: World, standby: subprocess.Popen[bytes]
) -> None:
    processes = {world.until(world.settlement_pid), standby.pid}
    stopped = world.until(lambda: leader(world) if leader(world) in processes else 0)
    os.kill(stopped, signal.SIGTERM)
    world.until(lambda: has_ended(stopped, standby))
    assert leader(world) != stopped, "its lease ended with it, before it expired"
    world.until(lambda: leader(world) not in (0, stopped))
    check_paid_once(world, world.paid_for("eth"))


def has_ended(process: int, standby: subprocess.Popen[bytes]) -> bool:
    return standby.poll() is not None or not Path(f"/proc/{process}").exists()
