"""One thing at a time: a process runs until its next call to a port, and then waits its turn.

Processes are asyncio tasks. Before each call to the database, a node or a wallet a task parks, and
the world decides which parked call happens next. So a seed determines the interleaving, although
the database is real. A process can be killed wherever it is parked, or right after a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from random import Random
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

MAX_CALLS: Final = 5_000
"""A step that makes more calls than this does not end."""

_current: ContextVar[str] = ContextVar("current", default="")


class NeverEnds(AssertionError):
    """A step made more calls than any step needs."""


class Call(msgspec.Struct):
    """A call that a task is about to make."""

    task: str
    name: str
    turn: "asyncio.Future[None]"


class Scheduler:
    """Counts the statements that are running, and waits until nothing can run by itself."""

    def __init__(self) -> None:
        self.running = 0
        self._idle = asyncio.Event()

    async def statement(self, work: Awaitable[T]) -> T:
        """Run a statement of the real database, which `quiesce` waits for."""
        self.running += 1
        self._idle.clear()
        try:
            return await work
        finally:
            self.running -= 1
            self._idle.set()

    async def quiesce(self) -> None:
        """Return once every task is parked or has ended.

        asyncio does not reveal whether callbacks are ready, except by this attribute of its loops.
        """
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while self.running or ready:
            if ready:
                await asyncio.sleep(0)
            else:
                await self._idle.wait()


class Process:
    """A process: tasks that park before each call, and can be killed together."""

    def __init__(
        self, name: str, scheduler: Scheduler, random: Random, traced: Callable[[str, str], None]
    ) -> None:
        self.name = name
        self.is_alive = True
        self.killed_after_call = False
        self._scheduler = scheduler
        self._random = random
        self._traced = traced
        self._calls: list[Call] = []
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    async def turn(self, name: str) -> None:
        """Park until the world lets this call happen. A killed process calls nothing."""
        if not self.is_alive:
            raise asyncio.CancelledError
        call = Call(_current.get(), name, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        await call.turn

    async def fetch(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run a statement in turn. The process may be killed before it receives the result."""
        await self.turn(name)
        result = await self._scheduler.statement(work())
        if self.killed_after_call:
            self.kill()
            raise asyncio.CancelledError
        return result

    def kill(self) -> None:
        """End the process: no task of it makes another call."""
        self.is_alive = False
        for task in self._tasks.values():
            task.cancel()
        self._calls.clear()

    def is_busy(self, task: str) -> bool:
        """Return whether a task is parked in the middle of its work."""
        return task in self._tasks

    def start(self, task: str, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task; it runs when `advance` lets it."""
        token = _current.set(task)
        try:
            self._tasks[task] = asyncio.get_running_loop().create_task(work)
        finally:
            _current.reset(token)

    async def advance(self, task: str, *, calls: int) -> bool:
        """Let a task make up to this many calls; return whether it has ended."""
        await self._scheduler.quiesce()
        for _ in range(calls):
            waiting = [call for call in self._calls if call.task == task]
            if not waiting:
                break
            call = self._random.choice(waiting)
            self._calls.remove(call)
            self._traced(f"{self.name}: {task}", call.name)
            call.turn.set_result(None)
            await self._scheduler.quiesce()
        ended = self._tasks[task].done()
        if not ended and calls >= MAX_CALLS:
            raise NeverEnds(f"{self.name}: {task}")
        return ended

    async def complete(self, task: str) -> Any:
        """Let a task run to its end; return its result, or raise its error."""
        await self.advance(task, calls=MAX_CALLS)
        return self.result(task)

    def result(self, task: str) -> Any:
        """Return the result of a task that has ended, or raise its error."""
        return self._tasks.pop(task).result()

    async def run(self, task: str, work: Coroutine[Any, Any, T]) -> T:
        """Run some work to its end as a task of its own, while all others wait."""
        self.start(task, work)
        result: T = await self.complete(task)
        return result
