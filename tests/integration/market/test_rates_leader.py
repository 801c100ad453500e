"""One process publishes rates; when it is killed another takes over, and nobody notices."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from valkey.asyncio import Valkey

from domain.market.rates import RateSnapshot
from persistence.valkey.client import connect
from persistence.valkey.rates import LEASE, LEASE_MS, RatePublisher, read_snapshot, read_sources
from tests.conftest import SWAPGATE, Running, Servers, free_port, start_up, stop
from tests.support.clients.partner import quote_request
from tests.support.servers.exchanges import Exchanges, Trouble

SECONDS = 30
TAKEN_OVER_SECONDS = 5


def snapshot(at: float) -> RateSnapshot:
    return RateSnapshot(at=at, prices={"BTC": 10**18})


@pytest.fixture
async def valkey(servers: Servers) -> Valkey:
    client = connect(servers.valkey.url)
    await client.delete(LEASE)
    return client


async def test_only_the_leader_publishes_and_resigning_lets_the_next_one(valkey: Valkey) -> None:
    one, other = (RatePublisher(valkey, token=token) for token in "ab")
    assert await one.publish(snapshot(1), sources=b"{}")
    assert not await other.publish(snapshot(2))
    assert (await read_snapshot(valkey), await read_sources(valkey)) == (snapshot(1), b"{}")
    await other.resign()
    assert not await other.publish(snapshot(2))
    await one.resign()
    assert await other.publish(snapshot(3))
    assert not await one.publish(snapshot(4))
    assert await read_snapshot(valkey) == snapshot(3)
    await other.resign()
    await valkey.aclose()


async def test_a_lease_ends_by_itself_and_a_late_leader_overwrites_nothing(valkey: Valkey) -> None:
    one, other = (RatePublisher(valkey, token=token) for token in "ab")
    assert await one.publish(snapshot(1))
    assert 0 < await valkey.pttl(LEASE) <= LEASE_MS < TAKEN_OVER_SECONDS * 1000
    async with asyncio.timeout(TAKEN_OVER_SECONDS):
        while not await other.publish(snapshot(2)):  # noqa: ASYNC110  a lease ends silently
            await asyncio.sleep(0.1)
    assert not await one.publish(snapshot(1))
    assert await read_snapshot(valkey) == snapshot(2)
    await other.resign()
    await valkey.aclose()


@contextmanager
def rates_process(
    running: Running, log: Path, environment: dict[str, str], *arguments: str
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*SWAPGATE, "rates", "--data-dir", str(running.data_dir), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def lines(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines() if "{" in line]


async def until(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  processes are looked at
            await asyncio.sleep(0.05)


async def test_killing_the_leader_under_load_changes_nothing_but_a_log_line(tmp_path: Path) -> None:
    async with Exchanges().served() as exchanges:
        environment = {"SWAPGATE_RATES": "exchanges", "SWAPGATE_RATES_URL": exchanges.url}
        with ExitStack() as stack:
            # The process that `up` has started leads. It comes back as a standby after its death.
            up = await asyncio.to_thread(
                lambda: start_up(tmp_path / "data", environment=environment)
            )
            stack.callback(stop, up)
            log = tmp_path / "standby.log"
            metrics = free_port()
            standby = stack.enter_context(
                rates_process(up, log, environment, "--metrics-port", str(metrics))
            )
            await until(lambda: "standing by" in log.read_text())
            quoted: list[int] = []
            done = asyncio.Event()
            load = asyncio.create_task(_quote(up, quoted, done))
            leader = await asyncio.to_thread(_rates_of, up)
            await until(lambda: len(quoted) > 10)
            before, told = len(quoted), len(lines(log))
            os.kill(leader, signal.SIGKILL)
            killed = time.monotonic()
            await until(lambda: "publishing rates" in log.read_text(), TAKEN_OVER_SECONDS + 1)
            assert time.monotonic() - killed < TAKEN_OVER_SECONDS
            await until(lambda: len(quoted) > before + 50)
            done.set()
            await load
            assert set(quoted) == {0}
            assert lines(log)[told:] == ["publishing rates"]
            assert standby.poll() is None
            exposed = await asyncio.to_thread(_read, f"http://127.0.0.1:{metrics}/metrics")
            assert 'swapgate_rate_source_up{source="okx"} 1.0' in exposed
            assert "swapgate_rates_leader 1.0" in exposed
            await _withdrawn(up, exchanges)


async def _withdrawn(up: Running, exchanges: Exchanges) -> None:
    """What no exchange tells of is in no quote, pair or feed; and doctor says why."""
    answer = await asyncio.to_thread(up.partner().call, "/price", quote_request(fromCcy="doge"))
    assert (answer.status, answer.code) == (503, 11)
    pairs = await asyncio.to_thread(up.partner().call, "/pairs", {})
    assert {"btc", "usdt_trc20"} <= {pair["from"] for pair in pairs.data}
    assert "doge" not in {pair[side] for pair in pairs.data for side in ("from", "to")}
    exchanges.trouble(Trouble.AWAY, ["okx"])

    def advised() -> bool:
        checks = json.loads(up.command("doctor", "--json").stdout)["checks"]
        advice = next(one["advice"] for one in checks if one["name"] == "rate-sources")
        return "okx" in advice and "DOGE" in advice

    await until(advised)
    told = await asyncio.to_thread(_read, f"{up.base_url}/api/rates.xml")
    assert "<from>BTC</from>" in told
    assert "DOGE" not in told


def _read(url: str) -> str:
    with urlopen(url) as answer:
        body: bytes = answer.read()
    return body.decode()


async def _quote(up: Running, codes: list[int], done: asyncio.Event) -> None:
    partner = up.partner()
    while not done.is_set():
        answer = await asyncio.to_thread(partner.call, "/price", quote_request(amount="0.01"))
        codes.append(answer.code)


def _rates_of(up: Running) -> int:
    """Return the id of the process of rates that `up` has started."""
    found = subprocess.run(
        ["pgrep", "-P", str(up.process.pid), "-f", "gateway rates"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout.split()[0])
