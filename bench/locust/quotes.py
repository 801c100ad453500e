"""Quote latency in an open loop: calls are due at a steady rate, whatever became of others.

`QUOTE_RATE` is the calls a second of all users together. Two rows come of it: `/price` is timed
from when it was sent; `/price from when it was due` counts the wait for a free user too, so that a
slow server can't hide by slowing its caller down (coordinated omission).
"""

import os
import time
from itertools import count
from typing import ClassVar

from locust import events, task

from bench.calls import QUOTE
from bench.locust import share  # noqa: F401  tells at the end what locust took
from bench.locust.signing import SigningUser

DUE = "/price from when it was due"


class Schedule:
    """When the next call is due; all users take theirs from here."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._numbers = count()
        self._began = time.perf_counter()

    def next_due(self) -> float:
        """Return the moment, on perf_counter's clock, of the next call nobody has taken yet."""
        return self._began + next(self._numbers) / self._rate


class QuotingUser(SigningUser):
    """Takes the next call that is due, waits for its moment, and makes it."""

    schedule: ClassVar[Schedule | None] = None

    @task
    def quote(self) -> None:
        """Make one call."""
        schedule = QuotingUser.schedule
        if schedule is None:  # users begin before the test does
            schedule = QuotingUser.schedule = Schedule(float(os.environ["QUOTE_RATE"]))
        due = schedule.next_due()
        time.sleep(max(due - time.perf_counter(), 0))  # locust has made it give way to other users
        quoted = self.signed("/price", QUOTE)
        took = (time.perf_counter() - due) * 1e3
        events.request.fire(
            request_type="DUE",
            name=DUE,
            response_time=took,
            response_length=0,
            exception=None if quoted else RuntimeError("see /price"),
            context={},
        )


@events.test_stop.add_listener
def _forget(**_: object) -> None:
    QuotingUser.schedule = None
