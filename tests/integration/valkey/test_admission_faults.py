"""Admission while Valkey fails, hangs or sends malformed replies: no call waits forever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Self
from uuid import uuid4

import pytest
from valkey.asyncio import Valkey

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from persistence.valkey.admission.controller import ValkeyAdmissionController
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.connection.client import connect
from tests.conftest import Servers

PARTNER = uuid4()


async def admit(controller: ValkeyAdmissionController) -> Admission:
    return await controller.admit(PARTNER, revision=0, nonce=uuid4().hex, weight=1, budget=10**7)


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[Valkey]:
    client = connect(servers.valkey.url)
    await client.set(REMEMBERED_SINCE, 0)
    yield client
    await client.aclose()


def unchanged(data: bytes) -> bytes | None:
    return data


class Proxy:
    """A proxy before the real server that can cut, withhold or replace its replies."""

    def __init__(self, url: str) -> None:
        self._credentials, _, self._socket_path = url.removeprefix("unix://").rpartition("@")
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.chunk_size = 65_536
        self.change: Callable[[bytes], bytes | None] = unchanged

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"valkey://{self._credentials}@127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._socket_path)
        requests = asyncio.ensure_future(self._forward(reader, upstream_writer, unchanged))
        try:
            await self._forward(upstream_reader, writer, self._change)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            requests.cancel()
            upstream_writer.close()
            writer.close()

    def _change(self, data: bytes) -> bytes | None:
        return self.change(data)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes | None],
    ) -> None:
        while data := await reader.read(65_536):
            changed = change(data)
            if changed is None:
                return
            for start in range(0, len(changed), self.chunk_size):
                writer.write(changed[start : start + self.chunk_size])
                await writer.drain()
                await asyncio.sleep(0)


@pytest.fixture
async def proxy(servers: Servers) -> AsyncIterator[Proxy]:
    async with Proxy(servers.valkey.url) as proxy:
        yield proxy


@pytest.fixture
async def controller(proxy: Proxy) -> AsyncIterator[ValkeyAdmissionController]:
    client = connect(proxy.url)
    await client.set(REMEMBERED_SINCE, 0)
    controller = ValkeyAdmissionController(client)
    assert (await admit(controller)).outcome is AdmissionOutcome.ADMITTED
    yield controller
    await client.aclose()


async def all_fail(controller: ValkeyAdmissionController, calls: int = 40) -> None:
    results = await asyncio.gather(
        *(admit(controller) for _ in range(calls)), return_exceptions=True
    )
    assert [type(one) for one in results] == [Unavailable] * calls


async def all_admitted(controller: ValkeyAdmissionController, calls: int = 40) -> None:
    results = await asyncio.gather(*(admit(controller) for _ in range(calls)))
    assert {one.outcome for one in results} == {AdmissionOutcome.ADMITTED}


async def test_connection_cut_in_mid_batch_fails_that_batch_and_later_calls_are_admitted(
    proxy: Proxy, controller: ValkeyAdmissionController
) -> None:
    proxy.change = lambda _: None
    await all_fail(controller)
    proxy.change = unchanged
    await all_admitted(controller)


async def test_hanging_server_fails_all_calls_within_the_timeout(
    proxy: Proxy, controller: ValkeyAdmissionController
) -> None:
    proxy.change = lambda _: b""
    async with asyncio.timeout(20):
        await all_fail(controller)
    proxy.change = unchanged
    await all_admitted(controller)


@pytest.mark.parametrize(
    "reply",
    [b":7\r\n", b"$-1\r\n", b"*1\r\n$1\r\nx\r\n", b"$3\r\nabc\r\n", b"$x\r\n", b"-ERR no\r\n"],
)
async def test_malformed_reply_admits_no_call(
    proxy: Proxy, controller: ValkeyAdmissionController, reply: bytes
) -> None:
    proxy.change = lambda _: reply
    await all_fail(controller, calls=10)
    proxy.change = unchanged
    await all_admitted(controller)


async def test_unexpected_reply_closes_the_connection(
    proxy: Proxy, controller: ValkeyAdmissionController
) -> None:
    proxy.change = lambda data: data + data
    await admit(controller)
    proxy.change = unchanged
    await all_admitted(controller)
    assert proxy.connections == 2


async def test_reply_may_arrive_in_fragments(
    proxy: Proxy, controller: ValkeyAdmissionController
) -> None:
    proxy.chunk_size = 3
    await all_admitted(controller)


async def test_connection_closed_by_the_server_is_reopened(
    servers: Servers, valkey: Valkey
) -> None:
    client = connect(servers.valkey.url)
    controller = ValkeyAdmissionController(client)
    await admit(controller)
    for connection in await valkey.client_list():
        if connection["cmd"] == "evalsha":
            await valkey.client_kill_filter(_id=connection["id"])
    await all_admitted(controller)
    await client.aclose()


async def test_cancelled_calls_do_not_cancel_the_others_of_their_batches(
    controller: ValkeyAdmissionController, proxy: Proxy
) -> None:
    calls = [asyncio.ensure_future(admit(controller)) for _ in range(40)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Admission) for one in results) == 20
    proxy.change = lambda _: None
    calls = [asyncio.ensure_future(admit(controller)) for _ in range(40)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in results) == 20


async def test_refused_connection_fails_all_calls_at_once() -> None:
    client = connect("valkey://127.0.0.1:1")
    async with asyncio.timeout(20):
        await all_fail(ValkeyAdmissionController(client))
    await client.aclose()
