"""The share of a core that locust uses: near 100 %, its figures are meaningless."""

import time
from typing import Final

from locust import events

WARN_CORES: Final = 0.7
"""Above this share locust adds to the times that it measures."""

_began: list[tuple[float, float]] = []


@events.test_start.add_listener
def _begin(**_: object) -> None:
    _began.append((time.monotonic(), time.process_time()))


@events.quitting.add_listener
def _print_share(**_: object) -> None:
    """Print the share, with a warning if figures are unreliable."""
    if not _began:
        return
    wall, cpu = _began[-1]
    share = (time.process_time() - cpu) / max(time.monotonic() - wall, 0.001)
    print(f"locust used {share:.0%} of a core")
    if share > WARN_CORES:
        print("WARNING: locust itself is the limit: use a lower rate, or bench.limits")
