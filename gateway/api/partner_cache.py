"""The partners this worker knows: which keys exist, and the records of those that have called."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import Unavailable
from domain.partners.codes import Code
from domain.partners.credentials import SigningKey
from domain.partners.ip_allowlist import Network
from domain.partners.partner import PartnerAccess

MAX_RECORDS: Final = 20_000
UNVERIFIED_SECONDS: Final = 30.0
"""How long records are trusted while the database can't be asked whether they have changed."""


class CachedPartner(msgspec.Struct, frozen=True):
    """What a call of a partner is checked against. `key` is None where its secret is unreadable.

    `generation` is that of the secret.
    """

    partner_id: UUID
    api_key: str
    enabled: bool
    key: SigningKey | None
    generation: int
    markup_bps: int
    budget: int
    codes: Mapping[str, Code]
    networks: tuple[Network, ...] | None
    """From where it may call; None for anywhere."""


ReadAccess = Callable[[str], Awaitable[PartnerAccess | None]]


class PartnerCache:
    """Finds partners by key without a database, once they have called.

    All keys are known by name, so an unknown one costs no look-up and no time that would tell it
    from a known one. What has changed is dropped and read again by the next call.
    """

    def __init__(
        self, read: ReadAccess, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._known: set[str] = set()
        self._records: OrderedDict[str, CachedPartner] = OrderedDict()
        self._keys: dict[UUID, str] = {}
        self._reading: dict[str, asyncio.Future[CachedPartner | None]] = {}
        self._verified_at = float("-inf")

    def known(self, api_key: str) -> CachedPartner | None:
        """Return the partner's record if it can be had at once; if not, `find` may find it."""
        if self._monotonic() - self._verified_at > UNVERIFIED_SECONDS:
            return None
        return self._records.get(api_key)

    async def find(self, api_key: str) -> CachedPartner | None:
        """Return the partner's record, or None for an unknown key; raise Unavailable."""
        if self._monotonic() - self._verified_at > UNVERIFIED_SECONDS:
            raise Unavailable("partners can't be verified: no database")
        record = self._records.get(api_key)
        if record is not None or api_key not in self._known:
            return record
        reading = self._reading.get(api_key)
        if reading is None:
            reading = asyncio.ensure_future(self._load(api_key))
            self._reading[api_key] = reading
        return await asyncio.shield(reading)

    async def find_newer(self, access: CachedPartner) -> CachedPartner | None:
        """Return the record that takes the place of `access`, which is out of date."""
        if self._records.get(access.api_key) is access:
            self.changed((access.api_key,))
        return await self.find(access.api_key)

    def partner_changed(self, partner_id: UUID) -> None:
        """Take note that a partner has changed, whose record has been read here."""
        api_key = self._keys.get(partner_id)
        if api_key is not None:
            self.changed((api_key,))

    def changed(self, api_keys: Iterable[str]) -> None:
        """Take note that these partners are new or have changed."""
        for api_key in api_keys:
            self._known.add(api_key)
            self._records.pop(api_key, None)
            self._reading.pop(api_key, None)  # what it reads may be older than the change

    def verified(self) -> None:
        """Take note that up to this moment nothing else has changed."""
        self._verified_at = self._monotonic()

    async def _load(self, api_key: str) -> CachedPartner | None:
        this = asyncio.current_task()
        try:
            stored = await self._read(api_key)
            record = _access(stored) if stored else None
            if record is not None and self._reading.get(api_key) is this:
                self._records[api_key] = record
                self._keys[record.partner_id] = api_key
                while len(self._records) > MAX_RECORDS:
                    self._records.popitem(last=False)
            return record
        finally:
            if self._reading.get(api_key) is this:
                del self._reading[api_key]


def _access(stored: PartnerAccess) -> CachedPartner:
    return CachedPartner(
        partner_id=stored.id,
        api_key=stored.api_key,
        enabled=stored.enabled,
        key=SigningKey(stored.api_secret) if stored.api_secret is not None else None,
        generation=stored.generation,
        markup_bps=stored.markup_bps,
        budget=stored.budget,
        codes=stored.codes,
        networks=stored.networks,
    )
