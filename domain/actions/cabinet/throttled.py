"""Limit attempts that may fail: guessing a password or a code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.actions.cabinet.ports import LoginThrottle
from domain.cabinet.login_throttle import ThrottleKey
from domain.clock import Clock
from domain.errors import AuthInvalid, RateLimited


@asynccontextmanager
async def throttled(
    throttle: LoginThrottle, *keys: ThrottleKey, clock: Clock
) -> AsyncIterator[None]:
    """Count an attempt that raises AuthInvalid as a failure of all keys.

    Raises RateLimited without an attempt while any key has to wait. An attempt counts as failed
    until it has succeeded, so that concurrent attempts gain nothing over sequential ones. Success
    resets the failures of a key, but not of a shared one: otherwise an attacker with an account
    could reset the counter of a client address between guesses. Any other exception undoes the
    attempt.
    """
    for key in keys:
        wait = await throttle.begin(key, now=clock.now())
        if wait:
            raise RateLimited(wait)
    try:
        yield
    except AuthInvalid:
        raise
    except Exception:
        for key in keys:
            await throttle.undo(key)
        raise
    for key in keys:
        if key.shared:
            await throttle.undo(key)
        else:
            await throttle.reset(key)
