"""A gateway that is killed behind HAProxy costs no call but those that it was serving."""

import json
import shutil
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Running
from tests.load.client import Client, Reply
from tests.support.callers import UNAVAILABLE
from tests.support.clients.partner import Partner, quote_request
from tests.support.servers.nodes.balancer import Balancer, balanced
from tests.support.servers.nodes.gateways import Gateway, running_gateways
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy"),
]

PATH = "/v1/price"
CALLS = 20


@pytest.fixture(scope="module")
def nodes(up: Running) -> Iterator[list[Gateway]]:
    with running_gateways(up.data_dir, 2) as nodes:
        yield nodes


@pytest.fixture
def balancer(nodes: list[Gateway], tmp_path: Path) -> Iterator[Balancer]:
    with balanced(tmp_path, nodes) as balancer:
        yield balancer


def call(partner: Partner, balancer: Balancer) -> Reply:
    """Make a call on a connection of its own."""
    client = Client(balancer.base_url, ssl.create_default_context(cafile=balancer.authority))
    body = json.dumps(quote_request()).encode()
    try:
        return client.call(PATH, body, partner.v2_headers(PATH, body))
    finally:
        client.close()


def test_only_calls_on_a_killed_node_fail_and_with_code_11(
    up: Running, nodes: list[Gateway], balancer: Balancer
) -> None:
    partner = up.partner()
    assert {call(partner, balancer).code for _ in range(CALLS)} == {0}
    hanging, other = nodes
    hanging.suspend()
    with ThreadPoolExecutor(CALLS) as callers:
        replies = [callers.submit(call, partner, balancer) for _ in range(2)]
        wait_until(lambda: sum(one.done() for one in replies), (1).__le__)
        hanging.kill()
        after = [call(partner, balancer).code for _ in range(CALLS)]
    assert set(after) == {0}, "not one was sent to the node that is gone"
    (lost,) = [one.result() for one in replies if one.result().code]
    assert (lost.code, lost.status) == (UNAVAILABLE, 502)
    assert lost.document == {"code": UNAVAILABLE, "msg": "UPSTREAM_ERROR"}

    other.kill()
    none_left = wait_until(lambda: call(partner, balancer), lambda one: one.status == 503)
    assert none_left.document == {"code": UNAVAILABLE, "msg": "UPSTREAM_ERROR"}
    assert none_left.headers["content-type"] == "application/json"
    for node in nodes:
        node.start()
    balancer.wait_until_ready()
