"""Runs an operator's command to its end, and returns what came of it."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from domain.errors import DomainError
from tests.simulation.world.scheduling import Process

T = TypeVar("T")


class Attempt:
    """Commands of one process, one after the other."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def __call__(self, work: Coroutine[Any, Any, object]) -> str:
        """Run a command; return `done`, or the error of which the operator is notified."""
        try:
            await self._process.run("command", work)
        except DomainError as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    async def value(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a query; return its result."""
        return await self._process.run("query", work)
