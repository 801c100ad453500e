"""What admits the calls of a gateway's worker, by itself."""

import asyncio
from uuid import UUID, uuid4

from valkey.crc import key_slot

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import Unavailable
from persistence.postgres.partners.valkey_primaries import PostgresGenerations
from persistence.postgres.pool import Database
from persistence.valkey.admission.controller import ValkeyAdmissionController, window_key
from persistence.valkey.admission.replication import Replication
from persistence.valkey.connection.client import connect
from tests.support.waiting import wait_until_async


class AdmissionWorker:
    """Admission on the Valkey servers of a URL, which follows their failovers once started."""

    def __init__(self, url: str, database: Database) -> None:
        self.client = connect(url)
        self.admission = ValkeyAdmissionController(self.client)
        self.replication = Replication(self.admission, PostgresGenerations(database))
        self._checking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the primaries, and follow them."""
        await wait_until_async(self.replication.check, bool)
        self._checking = asyncio.create_task(self.replication.keep_checking())

    async def stop(self) -> None:
        """Close all connections."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        await self.client.aclose()

    async def admit(self, partner: UUID, nonce: str = "", *, budget: int = 10**6) -> Admission:
        """Make a call of weight 1."""
        return await self.admission.admit(
            partner, revision=0, nonce=nonce or uuid4().hex, weight=1, budget=budget
        )

    async def outcome(self, partner: UUID, nonce: str = "") -> AdmissionOutcome | None:
        """Return the outcome of a call, None where Valkey was unavailable."""
        try:
            return (await self.admit(partner, nonce)).outcome
        except Unavailable:
            return None

    async def until_admitted(self, partner: UUID) -> None:
        """Call until a call is admitted."""

        async def outcome() -> AdmissionOutcome | None:
            return await self.outcome(partner)

        await wait_until_async(outcome, lambda found: found is AdmissionOutcome.ADMITTED)


def slot_of(partner: UUID) -> int:
    """Return the slot of a cluster that has all keys of a partner."""
    return key_slot(window_key(partner).encode())
