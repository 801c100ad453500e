"""Try what may fail only so often: a password, a code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.actions.cabinet.ports import LoginThrottle
from domain.cabinet.login_throttle import Subject
from domain.clock import Clock
from domain.errors import AuthInvalid, RateLimited


@asynccontextmanager
async def throttled(
    attempts: LoginThrottle, *subjects: Subject, clock: Clock
) -> AsyncIterator[None]:
    """Count what raises AuthInvalid inside as a failure of all subjects.

    Raises RateLimited, and does nothing, where one of them has to wait. An attempt counts as failed
    until it has ended, so that many at once get no further than one after another. What succeeds
    ends a row of failures, except of a client address: an account of one's own would buy any number
    of guesses at others'. What ends in another way was no attempt.
    """
    for subject in subjects:
        wait = await attempts.begin(subject, now=clock.now())
        if wait:
            raise RateLimited(wait)
    try:
        yield
    except AuthInvalid:
        raise
    except Exception:
        for subject in subjects:
            await attempts.take_back(subject)
        raise
    for subject in subjects:
        if subject.shared:
            await attempts.take_back(subject)
        else:
            await attempts.forget(subject)
