"""Quote latency in an open loop: calls are scheduled at a constant rate.

`QUOTE_RATE` is the number of calls per second of all users together. The report has two rows:
`/price` is measured from the time of sending; `/price from when it was due` includes the wait for a
free user, so that a slow server does not reduce the load (coordinated omission).
"""

import os
import time
from itertools import count
from typing import ClassVar

from locust import events, task

from bench.calls import QUOTE
from bench.locust import share  # noqa: F401  prints the CPU share of locust at the end
from bench.locust.signing import SigningUser

DUE = "/price from when it was due"


class Schedule:
    """The schedule that all users take their calls from."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._numbers = count()
        self._began = time.perf_counter()

    def next_due(self) -> float:
        """Take the next call and return its time on the clock of perf_counter."""
        return self._began + next(self._numbers) / self._rate


class QuotingUser(SigningUser):
    """Takes the next scheduled call, waits for its time, and makes it."""

    schedule: ClassVar[Schedule | None] = None

    @task
    def quote(self) -> None:
        """Make one call."""
        schedule = QuotingUser.schedule
        if schedule is None:  # users start before the test
            schedule = QuotingUser.schedule = Schedule(float(os.environ["QUOTE_RATE"]))
        due = schedule.next_due()
        time.sleep(max(due - time.perf_counter(), 0))  # lets other users run: locust patched it
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
