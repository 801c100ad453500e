"""A rolling restart is not visible to clients: three nodes behind HAProxy, under load."""

import http.client
import json
import shutil
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.servers.nodes.balancer import Balancer, balanced
from tests.support.servers.nodes.gateways import Gateway, running_gateways
from tests.support.waiting import wait_until

NODES = 3
CLIENTS = 3
PAUSE_SECONDS = 0.05
CALLS_PER_ORDER = 25
MANY = (pytest.mark.slow, pytest.mark.timeout(2400))


class Load:
    """Clients that each make calls on one connection, and never repeat a call that has failed."""

    def __init__(self, partner: Partner, balancer: Balancer) -> None:
        self._partner = partner
        self._port = balancer.port
        self._tls = ssl.create_default_context(cafile=balancer.authority)
        self._done = threading.Event()
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in self._threads:
                thread.join()

    def calls(self) -> int:
        return self.outcomes.total()

    def _run(self) -> None:
        connection = http.client.HTTPSConnection(
            "localhost", self._port, timeout=60, context=self._tls
        )
        number = 0
        while not self._done.is_set():
            number += 1
            outcome = self._call(connection, creates=number % CALLS_PER_ORDER == 0)
            with self._lock:
                self.outcomes[outcome] += 1
            time.sleep(PAUSE_SECONDS)
        connection.close()

    def _call(self, connection: http.client.HTTPConnection, *, creates: bool) -> str:
        path = "/v1/create" if creates else "/v1/price"
        body = json.dumps(order_request() if creates else quote_request()).encode()
        headers = self._partner.v2_headers(path, body)
        try:
            connection.request("POST", path, body, headers)
            content = connection.getresponse().read()
            return f"code {json.loads(content)['code']}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            return repr(error)


@pytest.fixture
def nodes(up: Running) -> Iterator[list[Gateway]]:
    with running_gateways(up.data_dir, NODES) as nodes:
        yield nodes


@pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy")
@pytest.mark.parametrize(
    "restarts", [NODES, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(2400)])]
)
def test_no_call_fails_while_nodes_are_restarted_one_after_the_other(
    up: Running, nodes: list[Gateway], tmp_path: Path, restarts: int
) -> None:
    partner = up.partner()
    up.json("partner", "set", up.demo().cabinet_email, "--budget", "1000000")
    with balanced(tmp_path, nodes) as balancer:
        load = Load(partner, balancer)
        with load.running():
            wait_until(load.calls, (10).__le__)
            for number in range(restarts):
                restart(balancer, nodes, number)
            after = load.calls()
            wait_until(load.calls, (after + 10).__le__)
    assert set(load.outcomes) == {"code 0"}, load.outcomes
    print(f"{restarts} restarts: 0 of {load.calls()} calls failed")  # noqa: T201


def restart(balancer: Balancer, nodes: list[Gateway], number: int) -> None:
    """Restart a node, as an operator does: not before the balancer uses all of them."""
    balancer.wait_until_ready()
    node = nodes[number % len(nodes)]
    node.stop(whole_group=number % 2 == 1)
    node.start()
    node.wait_until_ready()
    balancer.wait_until_ready()
