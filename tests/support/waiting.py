"""Waits for a state that another process, thread or task brings about.

A test that reads such a state once only passes when the machine is fast enough. The deadlines here
are generous: a state that arrives costs no more time for it, beside a busy core too.
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
    """Do what `wait_until` does while the event loop goes on; `read` may return an awaitable."""
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        value = await found if isinstance(found, Awaitable) else found
        if accept(value):
            return value
        _check(deadline, seconds, value, context)
        await asyncio.sleep(INTERVAL_SECONDS)


def _check(
    deadline: float, seconds: float, value: object, context: Callable[[], object] | None
) -> None:
    if time.monotonic() >= deadline:
        known = f"; {context()}" if context else ""
        raise AssertionError(f"not within {seconds:g} s; last read: {value!r}{known}")
