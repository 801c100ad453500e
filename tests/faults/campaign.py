"""One failure after the other under a load, each after everything has recovered from the last."""

import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

from tests.cluster.topology import Cluster
from tests.faults.fault import Action, Fault, Kind
from tests.faults.injector import Injector
from tests.faults.verdict import Verdict, judge
from tests.load.load import Load
from tests.load.outcome import outcome
from tests.load.partner import LoadPartner
from tests.load.record import Call
from tests.support.waiting import wait_until

NOT_RECOVERED_SECONDS: Final = 120.0
"""A campaign ends with an error if something does not work again after so long."""
ALL: Final = tuple((kind, action) for kind in Kind for action in Action)
KILLS: Final = tuple((kind, Action.KILL) for kind in Kind)

Choice = tuple[Kind, Action]


def endless(chance: random.Random) -> Iterator[Choice]:
    """Yield failures in random sequence, each before any of them occurs again."""
    while True:
        yield from chance.sample(ALL, len(ALL))


class Campaign:
    """Failures that a seed chooses, and what came of the calls meanwhile."""

    def __init__(self, cluster: Cluster, partners: Sequence[LoadPartner], *, seed: int) -> None:
        self._cluster = cluster
        self._seed = seed
        self._chance = random.Random(f"faults-{seed}")
        self._injector = Injector(cluster, self._chance)
        self._partners = partners
        self._load = Load(partners, seed=seed, tls=cluster.tls)
        self.faults: list[Fault] = []

    def run_for(self, seconds: float) -> Verdict:
        """Let processes fail for so long."""
        deadline = time.monotonic() + seconds
        choices = endless(self._chance)
        return self.run(next(choices) for _ in iter(lambda: time.monotonic() < deadline, False))

    def run_once(self, choices: Sequence[Choice] = KILLS) -> Verdict:
        """Let each of these processes fail once."""
        return self.run(iter(self._chance.sample(choices, len(choices))))

    def run(self, choices: Iterator[Choice]) -> Verdict:
        """Let these processes fail, the next one when everything works again."""
        self._load.start()
        began_at = time.monotonic()
        try:
            self._wait_for(began_at)
            for kind, action in choices:
                fault = self._injector.perform(kind, action)
                self.faults.append(fault)
                self._recover(fault)
        finally:
            self._load.stop()
        orders, events = outcome(self._partners, self._cluster.tls)
        return judge(
            seed=self._seed,
            seconds=time.monotonic() - began_at,
            calls=self.calls(),
            faults=self.faults,
            orders=orders,
            events=events,
            differences=self._cluster.installation.differences(),
        )

    def calls(self) -> Sequence[Call]:
        """Return the calls so far."""
        return self._load.record.calls()

    def _recover(self, fault: Fault) -> None:
        """Wait until everything works, have the process return, and wait until all is as before."""
        self._wait_for(fault.counts_from)
        if fault.repair is not None:
            fault.repaired_from = time.monotonic()
            fault.repair()
        self._cluster.wait_until_healthy()

    def _wait_for(self, moment: float) -> None:
        wait_until(
            lambda: self._load.works_since(moment),
            seconds=NOT_RECOVERED_SECONDS,
            context=lambda: self._load.record.kinds_since(moment),
        )
