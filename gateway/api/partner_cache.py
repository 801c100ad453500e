"""What this worker knows of partners: all API keys, and the records of those that were used."""

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
from domain.partners.scopes import Scope
from gateway.api.rate_limit_headers import policy_header
from gateway.http.message import Header

MAX_RECORDS: Final = 20_000
UNVERIFIED_SECONDS: Final = 30.0
"""How long cached records are trusted while the database cannot be checked for changes."""


class CachedPartner(msgspec.Struct, frozen=True):
    """The data of a partner that calls are checked against, shared by its keys.

    Admission makes calls stale that were checked against an earlier `revision` than the newest.
    """

    id: UUID
    enabled: bool
    revision: int
    markup_bps: int
    budget: int
    rate_limit_policy: Header
    codes: Mapping[str, Code]


class CachedKey(msgspec.Struct, frozen=True):
    """The data of an API key that calls are checked against."""

    id: UUID
    api_key: str
    partner: CachedPartner
    signing: SigningKey | None
    """None if the stored secret cannot be decrypted, and for a revoked key."""
    previous: SigningKey | None
    """The secret before the last rotation, valid until `previous_until` (Unix seconds)."""
    previous_until: float
    scope: Scope
    generation: int
    """Counts the rotations of the key's secret and of the partner's webhookSecret."""
    networks: tuple[Network, ...] | None
    """The IP allowlist; None permits any address."""
    v2_only: bool
    """Signatures of version 1 are rejected."""
    v2_used: bool
    """Version 2 has been used: version 1 is rejected for rotations."""


ReadAccess = Callable[[str], Awaitable[PartnerAccess | None]]


class PartnerCache:
    """Finds keys and their partners; after a key's first call without the database.

    All existing keys are known, so an unknown key causes no query, whose duration would tell it
    from a known one. A changed record is dropped and read again at the next call.
    """

    def __init__(
        self, read: ReadAccess, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._existing: set[str] = set()
        self._records: OrderedDict[str, CachedKey] = OrderedDict()
        self._keys: dict[UUID, set[str]] = {}
        self._reading: dict[str, asyncio.Future[CachedKey | None]] = {}
        self._verified_at = float("-inf")
        self.seen_revision = -1
        """All changes of partners up to this revision were passed to `invalidate`."""

    def cached(self, api_key: str) -> CachedKey | None:
        """Return the record of a key if it is cached and trusted."""
        if self._monotonic() - self._verified_at > UNVERIFIED_SECONDS:
            return None
        return self._records.get(api_key)

    async def find(self, api_key: str) -> CachedKey | None:
        """Return the record of a key, or None for an unknown one; raise Unavailable."""
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

    async def find_newer(self, outdated: CachedKey) -> CachedKey | None:
        """Return the current record of a key whose record is outdated; raise Unavailable."""
        if self._records.get(outdated.api_key) is outdated:
            self.invalidate((outdated.api_key,))
        return await self.find(outdated.api_key)

    def invalidate_partner(self, partner_id: UUID) -> None:
        """Drop the records of a partner's keys."""
        self.invalidate(self._keys.get(partner_id, ()))

    def invalidate(self, api_keys: Iterable[str]) -> None:
        """Drop the records of these keys, and add the keys that are new."""
        for api_key in api_keys:
            self._existing.add(api_key)
            self._records.pop(api_key, None)
            self._reading.pop(api_key, None)  # its result may be older than the change

    def mark_verified(self, revision: int) -> None:
        """Record that all changes up to now, and to `revision`, were passed to `invalidate`."""
        self._verified_at = self._monotonic()
        self.seen_revision = revision

    async def _load(self, api_key: str) -> CachedKey | None:
        this = asyncio.current_task()
        try:
            access = await self._read(api_key)
            record = self._record(access) if access else None
            if record is not None and self._reading.get(api_key) is this:
                self._records[api_key] = record
                self._keys.setdefault(record.partner.id, set()).add(api_key)
                while len(self._records) > MAX_RECORDS:
                    self._records.popitem(last=False)
            return record
        finally:
            if self._reading.get(api_key) is this:
                del self._reading[api_key]

    def _record(self, access: PartnerAccess) -> CachedKey:
        return CachedKey(
            id=access.key_id,
            api_key=access.api_key,
            partner=self._partner(access),
            signing=_signing(access.api_secret),
            previous=_signing(access.previous_secret),
            previous_until=access.previous_until,
            scope=access.scope,
            generation=access.generation,
            networks=access.networks,
            v2_only=access.signature_v2_only,
            v2_used=access.signature_v2_used,
        )

    def _partner(self, access: PartnerAccess) -> CachedPartner:
        """Return the partner of a key: that of another of its keys if it is as recent."""
        for api_key in self._keys.get(access.id, ()):
            other = self._records.get(api_key)
            if other is not None and other.partner.revision == access.revision:
                return other.partner
        return CachedPartner(
            id=access.id,
            enabled=access.enabled,
            revision=access.revision,
            markup_bps=access.markup_bps,
            budget=access.budget,
            rate_limit_policy=policy_header(access.budget),
            codes=access.codes,
        )


def _signing(secret: str | None) -> SigningKey | None:
    return None if secret is None else SigningKey(secret)
