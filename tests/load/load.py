"""Users that make calls of all kinds until they are stopped, at a bounded rate."""

import random
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Final

from tests.load.partner import LoadPartner
from tests.load.record import Kind, Record
from tests.load.user import User
from tests.support.callers import Callers

WEIGHTS: Final = {
    Kind.QUOTE: 25,
    Kind.DISCOVERY: 10,
    Kind.CREATE: 12,
    Kind.REPEAT: 6,
    Kind.DEPOSIT: 14,
    Kind.ORDER: 12,
    Kind.LIST: 5,
    Kind.SWAP_PAGE: 5,
    Kind.DASHBOARD: 5,
    Kind.FEED: 6,
}
USERS_PER_PARTNER: Final = 2
CALLS_PER_SECOND: Final = 30.0
"""Of all users together, at most."""


class Load(Callers):
    """The users of some partners; everything they do is decided by the seed."""

    def __init__(
        self,
        partners: Sequence[LoadPartner],
        *,
        seed: int,
        tls: ssl.SSLContext | None = None,
        calls_per_second: float = CALLS_PER_SECOND,
    ) -> None:
        users = [one for one in partners for _ in range(USERS_PER_PARTNER)]
        super().__init__(
            partial(self._use, partner, random.Random(f"{seed}-{number}"))
            for number, partner in enumerate(users)
        )
        self.partners = partners
        self.record = Record()
        self._tls = tls
        self._pause = 2 * len(users) / calls_per_second

    def works_since(self, moment: float) -> bool:
        """Return whether everything works for what was begun after a time.

        A call of each kind has succeeded, and an order has passed from its creation to its last
        event.
        """
        return self.completed_since(moment) is not None and self.record.kinds_since(moment) == set(
            Kind
        )

    def completed_since(self, moment: float) -> float | None:
        """Return when the last event arrived of an order that was requested after a time."""
        return min(
            (at for partner in self.partners for at in partner.completed_since(moment)),
            default=None,
        )

    def _use(self, partner: LoadPartner, chance: random.Random) -> None:
        user = User(partner, self.record, chance, tls=self._tls)
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        while not self.stopped.wait(chance.uniform(0, self._pause)):
            user.perform(*chance.choices(kinds, weights))
        user.finish()
