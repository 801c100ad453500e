"""Valkey dies, hangs or talks nonsense in the middle of a batch: nobody is left waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Self
from uuid import uuid4

import pytest
from valkey.asyncio import Valkey

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from persistence.valkey.admission import ValkeyAdmissionController
from persistence.valkey.client import connect
from tests.conftest import Servers

PARTNER = uuid4()


async def admit(gate: ValkeyAdmissionController) -> Admission:
    return await gate.admit(PARTNER, generation=0, nonce=uuid4().hex, weight=1, budget=10**7)


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[Valkey]:
    client = connect(servers.valkey.url)
    yield client
    await client.aclose()


class Wire:
    """Stands between a client and the real server, and may cut, hold or replace what is said."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.piece = 65_536
        self.answer: Callable[[bytes], bytes | None] = lambda said: said

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"valkey://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
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
        ours, theirs = await asyncio.open_unix_connection(self._socket_path)
        up = asyncio.ensure_future(self._pass(reader, theirs, lambda said: said))
        try:
            await self._pass(ours, writer, self._changed)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            up.cancel()
            theirs.close()
            writer.close()

    def _changed(self, said: bytes) -> bytes | None:
        return self.answer(said)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes | None],
    ) -> None:
        while said := await reader.read(65_536):
            changed = change(said)
            if changed is None:
                return
            for start in range(0, len(changed), self.piece):
                writer.write(changed[start : start + self.piece])
                await writer.drain()
                await asyncio.sleep(0)


@pytest.fixture
async def wire(servers: Servers) -> AsyncIterator[Wire]:
    async with Wire(servers.valkey.url.removeprefix("unix://")) as wire:
        yield wire


@pytest.fixture
async def gate(wire: Wire) -> AsyncIterator[ValkeyAdmissionController]:
    client = connect(wire.url)
    gate = ValkeyAdmissionController(client)
    assert (await admit(gate)).outcome is AdmissionOutcome.ADMITTED
    yield gate
    await client.aclose()


async def all_refused(gate: ValkeyAdmissionController, calls: int = 40) -> None:
    ended = await asyncio.gather(*(admit(gate) for _ in range(calls)), return_exceptions=True)
    assert [type(one) for one in ended] == [Unavailable] * calls


async def all_admitted(gate: ValkeyAdmissionController, calls: int = 40) -> None:
    ended = await asyncio.gather(*(admit(gate) for _ in range(calls)))
    assert {one.outcome for one in ended} == {AdmissionOutcome.ADMITTED}


async def test_a_connection_cut_in_mid_batch_refuses_all_and_the_next_are_admitted(
    wire: Wire, gate: ValkeyAdmissionController
) -> None:
    wire.answer = lambda _: None
    await all_refused(gate)
    wire.answer = lambda said: said
    await all_admitted(gate)


async def test_a_server_that_hangs_refuses_all_in_time(
    wire: Wire, gate: ValkeyAdmissionController
) -> None:
    wire.answer = lambda _: b""
    async with asyncio.timeout(20):
        await all_refused(gate)
    wire.answer = lambda said: said
    await all_admitted(gate)


@pytest.mark.parametrize(
    "nonsense",
    [b":7\r\n", b"$-1\r\n", b"*1\r\n$1\r\nx\r\n", b"$3\r\nabc\r\n", b"$x\r\n", b"-ERR no\r\n"],
)
async def test_nonsense_admits_nobody(
    wire: Wire, gate: ValkeyAdmissionController, nonsense: bytes
) -> None:
    wire.answer = lambda _: nonsense
    await all_refused(gate, calls=10)
    wire.answer = lambda said: said
    await all_admitted(gate)


async def test_an_answer_nobody_asked_for_ends_the_connection(
    wire: Wire, gate: ValkeyAdmissionController
) -> None:
    wire.answer = lambda said: said + said
    await admit(gate)
    wire.answer = lambda said: said
    await all_admitted(gate)
    assert wire.connections == 2


async def test_answers_may_come_in_pieces(wire: Wire, gate: ValkeyAdmissionController) -> None:
    wire.piece = 3
    await all_admitted(gate)


async def test_a_connection_the_server_has_ended_is_made_anew(
    servers: Servers, valkey: Valkey
) -> None:
    client = connect(servers.valkey.url)
    gate = ValkeyAdmissionController(client)
    await admit(gate)
    for known in await valkey.client_list():
        if known["cmd"] == "evalsha":
            await valkey.client_kill_filter(_id=known["id"])
    await all_admitted(gate)
    await client.aclose()


async def test_callers_who_leave_take_nobody_with_them(
    gate: ValkeyAdmissionController, wire: Wire
) -> None:
    calls = [asyncio.ensure_future(admit(gate)) for _ in range(40)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Admission) for one in ended) == 20
    wire.answer = lambda _: None
    calls = [asyncio.ensure_future(admit(gate)) for _ in range(40)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in ended) == 20


async def test_where_nothing_listens_all_are_refused_at_once() -> None:
    client = connect("valkey://127.0.0.1:1")
    async with asyncio.timeout(20):
        await all_refused(ValkeyAdmissionController(client))
    await client.aclose()
