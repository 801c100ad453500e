"""One process publishes rates; when it is killed another takes over, and nobody notices."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from valkey.asyncio import Valkey

from domain.errors import Unavailable
from domain.market.rates import MAX_AGE_SECONDS, MAX_AHEAD_SECONDS, RateSnapshot
from persistence.valkey.connection.client import connect
from persistence.valkey.rates import LEASE, LEASE_MS, RatePublisher, read_snapshot, read_sources
from tests.conftest import SWAPGATE, Running, Servers, free_port, start_up, stop
from tests.support.clients.partner import quote_request
from tests.support.servers.exchanges.books import Trouble
from tests.support.servers.exchanges.server import Exchanges
from tests.support.waiting import wait_until_async

STANDING_BY = "standing by: another process publishes rates"
EXCHANGE_EVENTS = {
    *(
        "loop interrupted",
        "loop resumed",
        "coins withdrawn: too few sources agree",
        "coins restored",
    ),
}
"""On a busy machine an exchange may time out, and recover a moment later."""
KEY = bytes(32)
TAKEN_OVER_SECONDS = 5
"""Within this time a lease expires and another process leads."""


def snapshot(*, seconds_ago: float = 0) -> RateSnapshot:
    return RateSnapshot(at=time.time() - seconds_ago, prices={"BTC": 10**18})


@pytest.fixture
async def valkey(servers: Servers) -> Valkey:
    client = connect(servers.valkey.url)
    await client.delete(LEASE)
    return client


async def test_only_the_leader_publishes_until_it_resigns(valkey: Valkey) -> None:
    one, other = (RatePublisher(valkey, token=token, key=KEY) for token in "ab")
    first, last = snapshot(seconds_ago=2), snapshot()
    assert await one.publish(first, sources=b"{}")
    assert not await other.publish(snapshot(seconds_ago=1))
    assert (await read_snapshot(valkey, key=KEY), await read_sources(valkey)) == (first, b"{}")
    await other.resign()
    assert not await other.publish(snapshot(seconds_ago=1))
    await one.resign()
    assert await other.publish(last)
    assert not await one.publish(snapshot())
    assert await read_snapshot(valkey, key=KEY) == last
    await other.resign()
    await valkey.aclose()


async def test_a_lease_expires_and_a_former_leader_overwrites_nothing(valkey: Valkey) -> None:
    one, other = (RatePublisher(valkey, token=token, key=KEY) for token in "ab")
    last = snapshot()
    assert await one.publish(snapshot(seconds_ago=1))
    assert 0 < await valkey.pttl(LEASE) <= LEASE_MS < TAKEN_OVER_SECONDS * 1000
    await wait_until_async(lambda: other.publish(last))
    assert not await one.publish(snapshot())
    assert await read_snapshot(valkey, key=KEY) == last
    await other.resign()
    await valkey.aclose()


@pytest.mark.parametrize(
    ("seconds_ago", "named"),
    [(-MAX_AHEAD_SECONDS - 5, "10 s ahead of"), (MAX_AGE_SECONDS + 5, "65 s behind")],
)
async def test_a_process_whose_clock_is_wrong_does_not_lead(
    valkey: Valkey, seconds_ago: float, named: str
) -> None:
    """Nobody uses prices of such a time, so that another process has to lead."""
    wrong, right = (RatePublisher(valkey, token=token, key=KEY) for token in "ab")
    used = snapshot()
    assert await wrong.publish(used)
    with pytest.raises(Unavailable, match=named):
        await wrong.publish(snapshot(seconds_ago=seconds_ago))
    assert await read_snapshot(valkey, key=KEY) == used
    assert await right.publish(snapshot())
    await right.resign()
    with pytest.raises(Unavailable, match=named):
        await wrong.publish(snapshot(seconds_ago=seconds_ago))
    assert await valkey.get(LEASE) is None
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
    complete = log.read_text().rpartition("\n")[0].splitlines()
    return [json.loads(line)["event"] for line in complete if "{" in line]


@pytest.mark.slow
async def test_killing_the_leader_under_load_has_no_effect_except_a_log_line(
    tmp_path: Path,
) -> None:
    async with Exchanges().served() as exchanges:
        environment = {"SWAPGATE_RATES": "exchanges", "SWAPGATE_RATES_URL": exchanges.url}
        with ExitStack() as stack:
            # The process that `up` has started leads.
            up = await asyncio.to_thread(
                lambda: start_up(tmp_path / "data", environment=environment)
            )
            stack.callback(stop, up)
            log = tmp_path / "standby.log"
            metrics = free_port()
            standby = stack.enter_context(
                rates_process(up, log, environment, "--metrics-port", str(metrics))
            )
            await wait_until_async(lambda: lines(log), lambda known: STANDING_BY in known)
            email = up.demo().cabinet_email
            await asyncio.to_thread(up.json, "partner", "set", email, "--budget", "1000000")
            await asyncio.to_thread(up.partner().until, 0, "/price", quote_request())
            quoted: list[int] = []
            done = asyncio.Event()
            load = asyncio.create_task(_quote(up, quoted, done))
            await wait_until_async(lambda: len(quoted), lambda number: number > 10)
            quotes_before, lines_before = len(quoted), len(lines(log))

            def kill_leader() -> list[str]:
                """Kill it, and what `up` starts in its place, which may be the next leader too."""
                for pid in _rates_of(up):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return lines(log)

            await wait_until_async(
                lambda: asyncio.to_thread(kill_leader), lambda known: "publishing rates" in known
            )
            await wait_until_async(lambda: len(quoted), lambda number: number > quotes_before + 50)
            done.set()
            await load
            assert set(quoted) == {0}
            new = [line for line in lines(log)[lines_before:] if line not in EXCHANGE_EVENTS]
            assert new == ["publishing rates"]
            assert standby.poll() is None
            expected = ('swapgate_rate_source_up{source="okx"} 1.0', "swapgate_rates_leader 1.0")
            await wait_until_async(
                lambda: asyncio.to_thread(_read, f"http://127.0.0.1:{metrics}/metrics"),
                lambda exposed: all(line in exposed for line in expected),
            )
            await _withdrawn(up, exchanges)


async def _withdrawn(up: Running, exchanges: Exchanges) -> None:
    """A coin without sources is in no quote, pair or feed, and doctor reports the reason."""
    response = await asyncio.to_thread(up.partner().call, "/price", quote_request(fromCcy="doge"))
    assert (response.status, response.code) == (503, 11)

    def swapped() -> set[str]:
        pairs = up.partner().call("/pairs", {}).data
        return {pair[side] for pair in pairs for side in ("from", "to")}

    codes = await wait_until_async(
        lambda: asyncio.to_thread(swapped), lambda codes: {"btc", "usdt_trc20"} <= codes
    )
    assert "doge" not in codes
    exchanges.trouble(Trouble.UNAVAILABLE, ["okx"])

    def advice() -> str:
        checks = json.loads(up.command("doctor", "--json").stdout)["checks"]
        return str(next(one["advice"] for one in checks if one["name"] == "rate-sources"))

    await wait_until_async(
        lambda: asyncio.to_thread(advice), lambda said: "okx" in said and "DOGE" in said
    )
    feed = await wait_until_async(
        lambda: asyncio.to_thread(_read, f"{up.base_url}/api/rates.xml"),
        lambda feed: "<from>BTC</from>" in feed,
    )
    assert "DOGE" not in feed


def _read(url: str) -> str:
    with urlopen(url) as response:
        body: bytes = response.read()
    return body.decode()


async def _quote(up: Running, codes: list[int], done: asyncio.Event) -> None:
    partner = up.partner()
    while not done.is_set():
        response = await asyncio.to_thread(partner.call, "/price", quote_request(amount="0.01"))
        codes.append(response.code)


def _rates_of(up: Running) -> list[int]:
    """Return the id of the process of rates that `up` has started, if it is there."""
    found = subprocess.run(
        ["pgrep", "-P", str(up.process.pid), "-f", "gateway rates"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid in found.stdout.split()]
