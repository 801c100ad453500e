"""A process ends at the first signal, whatever its tasks are waiting for at that moment."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from gateway.cli.processes import processes
from gateway.cli.processes.processes import until_stopped

MANY_SECONDS = 10.0


async def lose_a_cancellation(ended: list[str]) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("lost one")


async def stop_everything(ended: list[str]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(lose_a_cancellation(ended))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)


async def test_a_cancellation_that_a_task_loses_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "CANCEL_AGAIN_SECONDS", 0.01)
    ended: list[str] = []
    async with asyncio.timeout(MANY_SECONDS):
        await until_stopped(stop_everything(ended))
    assert ended == ["lost one"]


async def test_work_that_fails_ends_the_process_with_its_error() -> None:
    async def fail() -> None:
        raise LookupError("no settings")

    with pytest.raises(LookupError, match="no settings"):
        await until_stopped(fail())
