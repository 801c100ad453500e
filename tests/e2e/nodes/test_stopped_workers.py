"""A worker that is stopped or hangs holds its clients for seconds only, and is replaced."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.wiring.worker import FIRST_DATA_SECONDS
from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send
from tests.support.servers.connections import listeners_at
from tests.support.servers.nodes.gateways import Gateway, running_gateways
from tests.support.servers.processes import processes
from tests.support.waiting import ALL_WORKERS, MAX_WAIT_SECONDS, wait_until

PATH = "/v1/price"
WORKERS = 2
SLOWER_START_SECONDS = 7
"""How much longer a worker that would not wait for its data takes to listen, without Valkey."""


@pytest.fixture
def node(up: Running) -> Iterator[Gateway]:
    with running_gateways(up.data_dir, 1, workers=WORKERS) as (node,):
        wait_until(lambda: listeners_at(node.port), WORKERS.__eq__)
        yield node


def workers_of(node: Gateway) -> set[int]:
    return set(processes(node.process.pid))


def call(partner: Partner, connection: http.client.HTTPConnection) -> str:
    """Make a call and return its code, or the name of the error of the connection."""
    body = json.dumps(quote_request()).encode()
    try:
        connection.request("POST", PATH, body, partner.v2_headers(PATH, body))
        return f"code {json.loads(connection.getresponse().read())['code']}"
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__


def calls_counted(node: Gateway) -> int:
    """Return how many quotes succeeded, by both series that count them, over all workers."""
    text = send(f"http://127.0.0.1:{node.metrics_port}/metrics", method="GET").body.decode()
    found = {
        one.name: one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.labels == {"call": "price", "code": "0"}
    }
    calls = found.get("swapgate_calls_total", 0.0)
    assert found.get("swapgate_call_seconds_count", 0.0) == calls
    return int(calls)


def test_clients_of_a_stopped_worker_are_reset_and_it_is_replaced(
    up: Running, node: Gateway
) -> None:
    """The worker is never resumed: without its end, its clients would wait for their timeout."""
    partner = up.partner()
    connections = [
        http.client.HTTPConnection("127.0.0.1", node.port, timeout=MAX_WAIT_SECONDS)
        for _ in range(ALL_WORKERS)
    ]
    before = workers_of(node)
    assert len(before) == WORKERS
    assert {call(partner, one) for one in connections} == {"code 0"}
    wait_until(lambda: calls_counted(node), len(connections).__eq__)
    stopped = max(before)
    os.kill(stopped, signal.SIGSTOP)
    with ThreadPoolExecutor(len(connections)) as clients:
        outcomes = list(clients.map(lambda one: call(partner, one), connections))
    assert "code 0" in outcomes, "the other worker serves its clients"
    reset = set(outcomes) - {"code 0"}
    assert reset
    assert reset <= {"ConnectionResetError", "RemoteDisconnected"}
    wait_until(lambda: workers_of(node), lambda now: stopped not in now and len(now) == WORKERS)
    Partner(node.base_url, partner.api_key, partner.api_secret).until(0, "/price", quote_request())
    assert "worker does not respond: killed" in node.log.read_text()
    served = len(connections) + outcomes.count("code 0") + ALL_WORKERS
    wait_until(lambda: calls_counted(node), served.__eq__)
    for one in connections:
        one.close()


def test_a_worker_that_replaces_another_takes_no_calls_before_it_has_loaded_its_data(
    up: Running, node: Gateway
) -> None:
    """Without Valkey the others go on quoting, from the rates that they have loaded."""
    unsigned = json.dumps(quote_request()).encode()
    partner = Partner(node.base_url, "", "")

    def quote() -> int:
        with suppress(OSError):
            return partner.post("/price", unsigned, {}).code
        return -1  # a connection of the worker that was killed

    wait_until(quote, (0).__eq__, consecutive=ALL_WORKERS)
    before = workers_of(node)
    valkey = valkey_of(up)
    os.kill(valkey, signal.SIGSTOP)
    try:
        os.kill(max(before), signal.SIGKILL)
        wait_until(lambda: len(workers_of(node) - before), (1).__eq__)
        until = time.monotonic() + FIRST_DATA_SECONDS + SLOWER_START_SECONDS
        outcomes = set()
        while time.monotonic() < until:
            outcomes.add(quote())
            time.sleep(0.02)
        assert outcomes == {0}
    finally:
        os.kill(valkey, signal.SIGCONT)


def valkey_of(up: Running) -> int:
    """Return the process of the embedded Valkey."""
    (pid,) = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if is_valkey_in(process, up.data_dir / "valkey")
    ]
    return pid


def is_valkey_in(process: Path, directory: Path) -> bool:
    with suppress(OSError):
        home = (process / "cwd").readlink()
        return home == directory.resolve() and b"valkey" in (process / "cmdline").read_bytes()
    return False
