"""A load over hours, in which one process after the other is restarted."""

import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from tests.cluster.topology import Cluster
from tests.faults.campaign import Campaign, Choice
from tests.faults.fault import Action, Kind
from tests.faults.verdict import Verdict
from tests.load.partner import LoadPartner
from tests.soak.growth import PARTS, Growth, Interval, growth_of_latency, growth_of_samples
from tests.soak.samples import Sampler

RESTARTS_PER_PART: Final = 2


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """What came of a soak."""

    verdict: Verdict
    growth: list[Growth]

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost or wrong, and nothing has grown."""
        return self.verdict.is_exact and all(one.is_within for one in self.growth)


class Soak:
    """A campaign whose only failures are planned restarts, and samples of what it uses."""

    def __init__(self, cluster: Cluster, partners: Sequence[LoadPartner], *, seed: int) -> None:
        self._cluster = cluster
        self._campaign = Campaign(cluster, partners, seed=seed)
        self._chance = random.Random(f"soak-{seed}")
        self._period: Interval = (0.0, 0.0)
        self._restarts: list[Interval] = []

    def run(self, seconds: float) -> Result:
        """Run for so long."""
        with Sampler(self._cluster) as sampler:
            verdict = self._campaign.run(self._restart_regularly(seconds))
        calls = self._campaign.calls()
        return Result(
            verdict,
            [
                *growth_of_samples(sampler.samples, self._period),
                *growth_of_latency(calls, self._period, self._restarts),
            ],
        )

    def _restart_regularly(self, seconds: float) -> Iterator[Choice]:
        """Yield which process to restart, when it is time; then wait until the end."""
        start = time.monotonic()
        self._period = (start, start + seconds)
        count = PARTS * RESTARTS_PER_PART
        kinds = [kind for _ in range(count) for kind in self._chance.sample(list(Kind), len(Kind))]
        for number, kind in enumerate(kinds[: count - 1], start=1):
            time.sleep(max(0.0, start + seconds * number / count - time.monotonic()))
            began = time.monotonic()
            yield kind, Action.STOP
            self._restarts.append((began, time.monotonic()))
        time.sleep(max(0.0, start + seconds - time.monotonic()))
