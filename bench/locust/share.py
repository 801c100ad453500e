"""How much of a core locust itself takes: its figures are worth nothing where that is all of it."""

import time
from typing import Final

from locust import events

WARN_CORES: Final = 0.7
"""From there on locust adds to the times that it measures."""

_began: list[tuple[float, float]] = []


@events.test_start.add_listener
def _begin(**_: object) -> None:
    _began.append((time.monotonic(), time.process_time()))


@events.quitting.add_listener
def _tell(**_: object) -> None:
    """Print the share, and whether to believe what is printed below."""
    if not _began:
        return
    wall, cpu = _began[-1]
    share = (time.process_time() - cpu) / max(time.monotonic() - wall, 0.001)
    print(f"locust took {share:.0%} of a core")
    if share > WARN_CORES:
        print("WARNING: locust itself is the limit here: take a lower rate, or bench.limits")
