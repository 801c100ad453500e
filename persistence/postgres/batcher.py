"""Lets what is asked for at one moment go to the database as one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

Run = Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]]
"""Answers questions in one statement, each with what it asked for or an error of its own."""


class Batcher(Generic[Question, Answer]):
    """Gathers questions while `at_once` statements are under way, and asks `most` in the next.

    A question that comes alone goes at once. Whoever leaves takes nobody with him: his question is
    answered all the same, to nobody.
    """

    def __init__(self, run: "Run[Question, Answer]", *, most: int, at_once: int) -> None:
        self._run = run
        self._most = most
        self._free = at_once
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._running: set[asyncio.Task[None]] = set()

    def ask(self, question: Question) -> "asyncio.Future[Answer]":
        """Return the answer to come; it raises the statement's error, or the question's own."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._start)
        self._waiting.append((question, future))
        return future

    def _start(self) -> None:
        while self._free and self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._free -= 1
            task = asyncio.ensure_future(self._answer(group))
            self._running.add(task)
            task.add_done_callback(partial(self._ended, group))

    def _ended(
        self,
        group: "Sequence[tuple[Question, asyncio.Future[Answer]]]",
        task: asyncio.Task[None],
    ) -> None:
        for _, future in group:
            future.cancel()  # where nobody has answered: the task was cancelled
        self._running.discard(task)
        self._free += 1
        self._start()

    async def _answer(self, group: Sequence[tuple[Question, "asyncio.Future[Answer]"]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._run([question for question, _ in group])
        except Exception as error:  # noqa: BLE001  whoever asked gets it
            answers = [error] * len(group)
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
