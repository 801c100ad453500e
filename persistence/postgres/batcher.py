"""Combines requests that are made at the same time into one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")

Run = Callable[[Sequence[Request]], Awaitable[Sequence[Result | Exception]]]
"""Runs requests in one statement; returns the result, or an error, of each."""


class Batcher(Generic[Request, Result]):
    """Gathers requests while `concurrency` statements are running; the next one takes a batch.

    A request that is alone is sent at once. A caller that is cancelled does not cancel the others:
    its request is run all the same, and the result is dropped.
    """

    def __init__(self, run: "Run[Request, Result]", *, batch_size: int, concurrency: int) -> None:
        self._run = run
        self._batch_size = batch_size
        self._free = concurrency
        self._waiting: list[tuple[Request, asyncio.Future[Result]]] = []
        self._running: set[asyncio.Task[None]] = set()

    def submit(self, request: Request) -> "asyncio.Future[Result]":
        """Return the future result; it raises the statement's error, or the request's own."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._start)
        self._waiting.append((request, future))
        return future

    def _start(self) -> None:
        while self._free and self._waiting:
            batch = self._waiting[: self._batch_size]
            self._waiting = self._waiting[self._batch_size :]
            self._free -= 1
            task = asyncio.ensure_future(self._run_batch(batch))
            self._running.add(task)
            task.add_done_callback(partial(self._on_finished, batch))

    def _on_finished(
        self,
        batch: "Sequence[tuple[Request, asyncio.Future[Result]]]",
        task: asyncio.Task[None],
    ) -> None:
        for _, future in batch:
            future.cancel()  # has an effect only where the task was cancelled
        self._running.discard(task)
        self._free += 1
        self._start()

    async def _run_batch(self, batch: Sequence[tuple[Request, "asyncio.Future[Result]"]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await self._run([request for request, _ in batch])
        except Exception as error:  # noqa: BLE001  raised to each caller
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
