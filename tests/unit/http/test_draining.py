"""A worker that is about to stop is not ready, and closes its connections with its responses."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.closing import CLOSE, START, closing
from gateway.runtime.health.draining import Draining
from gateway.runtime.health.readiness import Readiness
from gateway.settings import SettingsError, settings_from

PEER = ("10.0.0.1", "4000")
REQUIRED = {
    "SWAPGATE_DATABASE_URL": "postgresql:///x",
    "SWAPGATE_VALKEY_URL": "valkey://x",
    "SWAPGATE_KEYRING": "x",
}


def draining(readiness: Readiness, done: list[str], *, seconds: float) -> Draining:
    def record(what: str) -> Callable[[], None]:
        return lambda: done.append(what)

    return Draining(
        readiness, seconds=seconds, close_connections=record("close"), stop=record("stop")
    )


async def test_a_worker_is_not_ready_before_it_stops() -> None:
    readiness, done = Readiness({"rates": lambda: True}), list[str]()
    assert readiness.is_ready()
    draining(readiness, done, seconds=0).begin()
    assert readiness.checks() == {"accepting": False, "rates": True}
    assert done == ["close"]
    await asyncio.sleep(0.01)
    assert done == ["close", "stop"]


async def test_a_second_signal_changes_nothing() -> None:
    """As systemd sends it: to the node's first process and to its workers, which get another."""
    readiness, done = Readiness({}), list[str]()
    one = draining(readiness, done, seconds=0)
    one.begin()
    one.begin()
    await asyncio.sleep(0.01)
    one.begin()
    await asyncio.sleep(0.01)
    assert done == ["close", "stop"]


async def test_a_worker_serves_until_its_time_is_over() -> None:
    done: list[str] = []
    draining(Readiness({}), done, seconds=600).begin()
    await asyncio.sleep(0.01)
    assert done == ["close"]


async def headers_through(send: Callable[[Any], Any], sent: list[Any]) -> Any:
    await send({"type": START, "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": False})
    start, body = sent
    assert body["body"] == b"x"
    return start["headers"]


@pytest.mark.parametrize("is_closing", [False, True])
async def test_connections_are_closed_with_their_response_only_while_draining(
    *, is_closing: bool
) -> None:
    clients = ClientConnections(lambda address: address)
    if is_closing:
        clients.close_all()
    assert bool(clients.over_limit) is is_closing
    clients.forget(now=1e12)
    assert bool(clients.over_limit) is is_closing
    sent: list[Any] = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    headers = await headers_through(clients.checked(PEER, send), sent)
    assert headers == [(b"a", b"b"), *([CLOSE] if is_closing else [])]


async def test_a_response_that_closes_its_connection_anyway_says_so_once() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    await closing(send)({"type": START, "status": 400, "headers": [CLOSE]})
    assert sent[0]["headers"] == [CLOSE]


@pytest.mark.parametrize("seconds", ["-1", "601", "inf", "nan", "x"])
def test_draining_takes_a_bounded_time(seconds: str) -> None:
    with pytest.raises(SettingsError):
        settings_from({**REQUIRED, "SWAPGATE_DRAINING_SECONDS": seconds})
