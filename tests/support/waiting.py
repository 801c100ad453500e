"""Waits for a state that another process, thread or task reaches.

A test that reads such a state only once passes only on a fast machine. The deadlines here are
generous, for busy machines: waiting ends as soon as the state is reached.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

MAX_WAIT_SECONDS = 60.0
INTERVAL_SECONDS = 0.02
ALL_WORKERS = 20
"""How many calls in a row reach each of two workers: chance decides which of them takes a call."""


def wait_until(
    read: Callable[[], T],
    accept: Callable[[T], object] = bool,
    *,
    consecutive: int = 1,
    seconds: float = MAX_WAIT_SECONDS,
    context: Callable[[], object] | None = None,
) -> T:
    """Return the first value read that is accepted, or as many accepted values in a row.

    Raises AssertionError with the last value read, and with `context`, after `seconds`.
    """
    deadline, accepted = time.monotonic() + seconds, 0
    while True:
        value = read()
        accepted = accepted + 1 if accept(value) else 0
        if accepted >= consecutive:
            return value
        if not accepted:
            _check(deadline, seconds, value, context)
            time.sleep(INTERVAL_SECONDS)


@overload
async def wait_until_async(
    read: Callable[[], Awaitable[T]],
    accept: Callable[[T], object] = bool,
    *,
    seconds: float = MAX_WAIT_SECONDS,
    context: Callable[[], object] | None = None,
) -> T: ...


@overload
async def wait_until_async(
    read: Callable[[], T],
    accept: Callable[[T], object] = bool,
    *,
    seconds: float = MAX_WAIT_SECONDS,
    context: Callable[[], object] | None = None,
) -> T: ...


async def wait_until_async(
    read: Callable[[], Awaitable[T]] | Callable[[], T],
    accept: Callable[[T], object] = bool,
    *,
    seconds: float = MAX_WAIT_SECONDS,
    context: Callable[[], object] | None = None,
) -> T:
    """Like `wait_until`, without blocking the event loop; `read` may return an awaitable."""
    deadline = time.monotonic() + seconds
    while True:
        result = read()
        value = await result if isinstance(result, Awaitable) else result
        if accept(value):
            return value
        _check(deadline, seconds, value, context)
        await asyncio.sleep(INTERVAL_SECONDS)


def _check(
    deadline: float, seconds: float, value: object, context: Callable[[], object] | None
) -> None:
    if time.monotonic() >= deadline:
        suffix = f"; {context()}" if context else ""
        raise AssertionError(f"not within {seconds:g} s; last read: {value!r}{suffix}")
