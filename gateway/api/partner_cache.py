"""The partners known to this worker: all API keys, and the records of partners that have called."""

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
from gateway.api.rate_limit_headers import policy_header
from gateway.http.message import Header

MAX_RECORDS: Final = 20_000
UNVERIFIED_SECONDS: Final = 30.0
"""How long cached records are trusted while the database cannot be checked for changes."""


class CachedPartner(msgspec.Struct, frozen=True):
    """The data that a partner's calls are checked against. `generation` counts its secrets."""

    id: UUID
    api_key: str
    enabled: bool
    key: SigningKey | None
    """None if the stored secret cannot be decrypted."""
    generation: int
    markup_bps: int
    budget: int
    rate_limit_policy: Header
    codes: Mapping[str, Code]
    networks: tuple[Network, ...] | None
    """The IP allowlist; None permits any address."""
    v2_only: bool = False
    """Signatures of version 1 are rejected."""
    v2_used: bool = False
    """Version 2 has been used: version 1 is rejected for rotations."""


ReadAccess = Callable[[str], Awaitable[PartnerAccess | None]]


class PartnerCache:
    """Finds partners by API key; after a partner's first call without the database.

    All existing keys are known, so an unknown key causes no query, whose duration would tell it
    from a known one. A changed record is dropped and read again at the next call.
    """

    def __init__(
        self, read: ReadAccess, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._existing: set[str] = set()
        self._records: OrderedDict[str, CachedPartner] = OrderedDict()
        self._keys: dict[UUID, str] = {}
        self._reading: dict[str, asyncio.Future[CachedPartner | None]] = {}
        self._verified_at = float("-inf")

    def cached(self, api_key: str) -> CachedPartner | None:
        """Return the record of a partner if it is cached and trusted."""
        if self._monotonic() - self._verified_at > UNVERIFIED_SECONDS:
            return None
        return self._records.get(api_key)

    async def find(self, api_key: str) -> CachedPartner | None:
        """Return the record of a partner, or None for an unknown key; raise Unavailable."""
        if self._monotonic() - self._verified_at > UNVERIFIED_SECONDS:
            raise Unavailable("partners cannot be verified: the database is unavailable")
        record = self._records.get(api_key)
        if record is not None or api_key not in self._existing:
            return record
        reading = self._reading.get(api_key)
        if reading is None:
            reading = asyncio.ensure_future(self._load(api_key))
            self._reading[api_key] = reading
        return await asyncio.shield(reading)

    async def find_newer(self, outdated: CachedPartner) -> CachedPartner | None:
        """Return the current record of a partner whose record is outdated; raise Unavailable."""
        if self._records.get(outdated.api_key) is outdated:
            self.invalidate((outdated.api_key,))
        return await self.find(outdated.api_key)

    def invalidate_partner(self, partner_id: UUID) -> None:
        """Drop the record of a partner, if it is cached."""
        api_key = self._keys.get(partner_id)
        if api_key is not None:
            self.invalidate((api_key,))

    def invalidate(self, api_keys: Iterable[str]) -> None:
        """Drop the records of these keys, and add the keys that are new."""
        for api_key in api_keys:
            self._existing.add(api_key)
            self._records.pop(api_key, None)
            self._reading.pop(api_key, None)  # its result may be older than the change

    def mark_verified(self) -> None:
        """Record that all changes up to now have been passed to `invalidate`."""
        self._verified_at = self._monotonic()

    async def _load(self, api_key: str) -> CachedPartner | None:
        this = asyncio.current_task()
        try:
            access = await self._read(api_key)
            record = _record(access) if access else None
            if record is not None and self._reading.get(api_key) is this:
                self._records[api_key] = record
                self._keys[record.id] = api_key
                while len(self._records) > MAX_RECORDS:
                    self._records.popitem(last=False)
            return record
        finally:
            if self._reading.get(api_key) is this:
                del self._reading[api_key]


def _record(access: PartnerAccess) -> CachedPartner:
    return CachedPartner(
        id=access.id,
        api_key=access.api_key,
        enabled=access.enabled,
        key=SigningKey(access.api_secret) if access.api_secret is not None else None,
        generation=access.generation,
        markup_bps=access.markup_bps,
        budget=access.budget,
        rate_limit_policy=policy_header(access.budget),
        codes=access.codes,
        networks=access.networks,
        v2_only=access.signature_v2_only,
        v2_used=access.signature_v2_used,
    )
