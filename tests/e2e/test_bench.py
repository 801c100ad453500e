"""The benchmarks measure what they claim to. No test depends on measured times."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.calls import QUOTE, Call, encode, send, succeeded
from bench.limits import closed_loop, open_loop
from bench.limits.golang import why_no_go
from bench.limits.servers import Servers
from bench.processes import Server
from tests.conftest import Running
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def bench(up: Running) -> Iterator[Servers]:
    """The servers that `bench.limits` starts, on the running service of these tests."""
    with Servers(up.data_dir, is_up=True) as servers:
        yield servers


def wait_for_equal_responses(peer: Server, gateway: Server, call: Call) -> bytes:
    """Return the response once both are equal: rates may change between two calls."""
    _, response = wait_until(
        lambda: (succeeded(peer.port, call), succeeded(gateway.port, call)),
        lambda responses: responses[0] == responses[1],
    )
    return response


@pytest.mark.parametrize(
    ("fields", "version"),
    [({}, 2), ({}, 1), ({"direction": "to", "amount": "25"}, 2), ({"amount": "9"}, 2)],
)
def test_the_fastapi_peer_returns_the_same_bytes_as_the_gateway(
    fastapi: Server, bench: Servers, fields: dict[str, str], version: int
) -> None:
    body = encode({**QUOTE, **fields, "afftax": 50})
    call = Call("/v1/price", [body], signer=bench.partner, version=version)
    assert json.loads(wait_for_equal_responses(fastapi, bench.ours(), call))["code"] == 0


@pytest.fixture(scope="module")
def fastapi(bench: Servers) -> Server:
    return bench.fastapi()


def test_the_fastapi_peer_rejects_a_replay_and_a_bad_signature(
    fastapi: Server, bench: Servers
) -> None:
    headers = bench.quote.headers(bench.quote.bodies[0])

    class Replay(Call, frozen=True):
        def headers(self, body: bytes) -> dict[str, str]:
            assert body == self.bodies[0]
            return headers

    class Forged(Call, frozen=True):
        def headers(self, body: bytes) -> dict[str, str]:
            return {**super().headers(body), "X-API-SIGN": "0" * 64}

    replayed = Replay("/v1/price", bench.quote.bodies, signer=bench.partner)
    assert [send(fastapi.port, replayed)[0] for _ in range(2)] == [200, 401]
    forged = Forged("/v1/price", bench.quote.bodies, signer=bench.partner)
    assert send(fastapi.port, forged)[0] == 401


def test_the_go_peer_returns_the_same_bytes_as_the_gateway(bench: Servers) -> None:
    if missing := why_no_go():
        pytest.skip(missing)
    go = bench.go()
    assert go is not None
    for fields in ({}, {"direction": "to", "amount": "25"}, {"amount": "9"}):
        call = Call("/v1/price", [encode({**QUOTE, **fields, "afftax": 50})], signer=bench.partner)
        wait_for_equal_responses(go, bench.ours(), call)


@pytest.mark.parametrize("version", [1, 2])
def test_an_open_loop_makes_every_scheduled_call(bench: Servers, version: int) -> None:
    quote = bench.quote if version == 2 else bench.quote_v1
    assert quote.version == version
    measured = open_loop.measure(
        bench.ours(), quote, rate=200, seconds=1, cores=(0, 1), warm_up=0.5
    )
    assert measured.failures == 0
    assert measured.rps == 200
    assert 0 < measured.p50 <= measured.p99 <= measured.worst


def test_an_open_loop_counts_rejected_and_missing_responses(bench: Servers) -> None:
    rejected = Call("/v1/create", [b"{}"], signer=bench.partner)
    measured = open_loop.measure(
        bench.ours(), rejected, rate=50, seconds=1, cores=(0, 1), warm_up=0
    )
    assert measured.failures == 50


def test_wrk_makes_signed_calls_that_succeed(bench: Servers) -> None:
    try:
        closed_loop.check_wrk()
    except closed_loop.WrkMissing as missing:
        pytest.skip(str(missing))
    for call in (bench.quote, bench.quote_v1, bench.reads(bench.ours().port)):
        measured = closed_loop.measure(bench.ours(), call, seconds=1, connections=4, cores=(0, 1))
        assert measured.rps > 0
        assert measured.failures == 0


def test_wrk_reports_are_parsed() -> None:
    report = """Running 4s test @ http://127.0.0.1:1
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.12ms  349.50us   12.35ms   92.31%
    Req/Sec    28.71k     1.21k   30.66k    80.00%
  Latency Distribution
     50%  980.00us
     75%    1.17ms
     90%    1.33ms
     99%    2.54ms
  114283 requests in 4.00s, 91.12MB read
  Socket errors: connect 0, read 3, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:  28569.21
"""
    measured = closed_loop.parsed(report, took=4, used=4, load_used=1)
    assert (measured.rps, measured.p50, measured.p99, measured.worst) == (
        28569.21,
        0.98,
        2.54,
        12.35,
    )
    assert measured.failures == 12
    assert measured.cpu_us == pytest.approx(4e6 / 114283)
    assert (measured.server_cores, measured.load_cores) == (1, 0.25)


def test_the_bare_application_returns_the_recorded_response(bench: Servers) -> None:
    call = Call("/v1/currencies", [b"{}"])
    response = succeeded(bench.ours().port, call)
    bare = bench.on_granian("bare", {call.path: response}, batch=True)
    assert succeeded(bare.port, call) == response


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["mixed", "quotes", "cabinet", "feeds"])
def test_a_locust_scenario_runs_for_two_seconds_without_a_failure(
    up: Running, tmp_path: Path, scenario: str
) -> None:
    html = tmp_path / "report.html"
    done = locust(up, scenario, "--html", str(html), "--rate", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Response time percentiles" in done.stderr
    assert "of a core" in done.stdout
    assert "<html" in html.read_text().lower()


@pytest.mark.slow
def test_locust_exits_with_status_1_if_calls_fail(up: Running, tmp_path: Path) -> None:
    up.json("maintenance", "on")
    try:
        done = locust(up, "quotes", "--html", str(tmp_path / "report.html"), "--rate", "20")
    finally:
        up.json("maintenance", "off")
        up.partner().until(0)
    assert done.returncode == 1, done.stdout


def locust(up: Running, scenario: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "bench.locust", scenario, "--data-dir", str(up.data_dir)),
            *("--seconds", "2", "--users", "4", *arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
