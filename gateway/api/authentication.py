"""Authentication and admission of calls, in the contract's order of checks (section 3)."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.partners.ports import Admission, AdmissionController, AdmissionOutcome
from domain.errors import (
    AuthDisabled,
    AuthInvalid,
    AuthRequired,
    OutOfScope,
    RateLimited,
    Unavailable,
)
from domain.partners.codes import Code
from domain.partners.credentials import SigningKey, is_nonce
from domain.partners.ip_allowlist import Network, contains
from domain.partners.partner import ALL_PARTNERS
from domain.partners.scopes import Scope, Scopes
from domain.partners.signature import is_version_2, v2_message
from domain.partners.weights import WEIGHTS, Call
from gateway.api.partner_cache import CachedKey, CachedPartner, PartnerCache
from gateway.api.rate_limit_headers import remaining_header
from gateway.http.client_address import ClientAddresses
from gateway.http.message import Header, RequestHeaders

_DUMMY_KEY: Final = SigningKey("verified for unknown keys, so that they take the same time")
_NO_PARTNER: Final = UUID(int=(1 << 128) - 1)
"""What an unknown key reads the revision of, so that it takes the same steps."""
_MAX_KEY_LENGTH: Final = 128
_ROTATION: Final = Call.KEYS_ROTATE
_FULL: Final = Scope.FULL
_MAX_READS: Final = range(8)
"""Attempts per call: a record that is read again may already be older than another change."""
_DECIDED: Final = tuple(outcome.name.lower() for outcome in AdmissionOutcome)
"""Names of outcomes in metrics; the rejections before and without admission have others."""
_NAMES: Final = {AuthInvalid: "invalid", AuthDisabled: "disabled"}
_REJECTED: Final = ("unsigned", "invalid", "disabled", "unavailable")


RecordV2Use = Callable[[UUID, UUID], Awaitable[None]]
"""Records for every worker that a partner's key has used version 2. Raises Unavailable."""
CatchUp = Callable[[int], Awaitable[None]]
"""Passes the changes of partners up to a revision to the cache. Raises Unavailable."""


class AuthHeaders(msgspec.Struct, frozen=True, gc=False):
    """The authentication headers of a call; None where one is missing."""

    key: str | None
    sign: str | None
    nonce: str | None
    peer: str = ""
    target: bytes = b""
    """The `signed_target` of the request."""
    version: bytes | None = None
    request_headers: RequestHeaders | None = None
    """All headers of the request; read only for partners with an IP allowlist."""


class Caller(msgspec.Struct, frozen=True):
    """An authenticated partner and key, the enabled code that it named, and its remaining weight.

    With `with_previous` the call is signed with the secret before the last rotation.
    """

    partner: CachedPartner
    key: CachedKey
    with_previous: bool
    code: Code | None
    remaining: int
    reset_seconds: int

    def rate_limit_headers(self) -> list[Header]:
        """Return `RateLimit-Policy` and `RateLimit`."""
        remaining = remaining_header(self.remaining, self.reset_seconds)
        return [self.partner.rate_limit_policy, remaining]

    def check_scope(self, scopes: Scopes) -> None:
        """Raise OutOfScope unless the key's scope is one of these, or FULL."""
        if self.key.scope is not _FULL and self.key.scope not in scopes:
            raise OutOfScope(f"a key of scope {self.key.scope}")


class BudgetExceeded(RateLimited):
    """A partner's weight budget is exhausted; carries the RateLimit headers of the response."""

    def __init__(self, retry_after: int, *, headers: list[Header]) -> None:
        super().__init__(retry_after)
        self.headers = headers


class Authenticator:
    """Authenticates callers and checks that their weight budget and IP allowlist permit a call."""

    def __init__(
        self,
        partners: PartnerCache,
        admission: AdmissionController,
        addresses: ClientAddresses,
        *,
        record_v2_use: RecordV2Use,
        catch_up: CatchUp,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` returns Unix seconds."""
        self._partners = partners
        self._admission = admission
        self._addresses = addresses
        self._record_v2_use = record_v2_use
        self._catch_up = catch_up
        self._now = now
        self._used: set[str] = set()
        self._outcomes = [0] * len(_DECIDED)
        self._rejected = Counter(dict.fromkeys(_REJECTED, 0))

    async def authenticate(self, headers: AuthHeaders, body: bytes, call: Call) -> Caller:
        """Return the caller; raise AuthRequired, AuthInvalid, AuthDisabled, RateLimited.

        Raises InvalidRequest for an unknown version of the signature, and Unavailable where Valkey
        is unavailable, or the database for a partner that is not cached. No call is admitted or
        rejected by a record that is older than a change whose response was sent: the call is then
        checked again with the new record.
        """
        sign, nonce = headers.sign, headers.nonce
        if headers.key is None or sign is None:
            self._rejected["unsigned"] += 1
            raise AuthRequired
        v2 = headers.version is not None and is_version_2(headers.version)
        message = _v2_message(headers, body) if v2 else body
        api_key, _, code = headers.key.partition(".")
        key = self._partners.cached(api_key)
        if key is None:
            key = await self._find(api_key)
        for _ in _MAX_READS:
            with_current = key is not None and _verifies(key.signing, message, sign)
            with_previous = not with_current and self._verifies_previous(key, message, sign)
            if (
                key is None
                or not (with_current or with_previous)
                or not (v2 or _accepts_v1(key, call))
                or (key.networks is not None and not self._is_allowed(key.networks, headers))
            ):
                key = await self._changed(api_key, key, rejection=AuthInvalid)
                continue
            partner = key.partner
            if not partner.enabled:
                key = await self._changed(api_key, key, rejection=AuthDisabled)
                continue
            if nonce is None or not is_nonce(nonce) or "\n" in code:  # X-API-KEY is repeated
                self._rejected["invalid"] += 1
                raise AuthInvalid
            self._used.add(key.api_key)
            try:
                admission = await self._admission.admit(
                    partner.id,
                    revision=partner.revision,
                    nonce=nonce,
                    weight=WEIGHTS[call],
                    budget=partner.budget,
                )
            except Unavailable:
                self._rejected["unavailable"] += 1
                raise
            self._outcomes[admission.outcome] += 1
            if admission.outcome is not AdmissionOutcome.STALE:
                if v2 and not key.v2_used:
                    await self._first_v2_use(key, admission)
                return _caller(key, code, admission, with_previous=with_previous)
            key = await self._partners.find_newer(key)
        raise Unavailable("a partner's record is older in the database than in Valkey")

    def take_used_keys(self) -> Collection[str]:
        """Return the keys that have signed calls since the last time."""
        used, self._used = self._used, set()
        return used

    def take_outcomes(self) -> Mapping[str, int]:
        """Return how many calls were admitted, and rejected for which reason, since the last time.

        Those that are stale are checked again, and count again.
        """
        outcomes, self._outcomes = self._outcomes, [0] * len(_DECIDED)
        rejected, self._rejected = self._rejected, Counter()
        return {**dict(zip(_DECIDED, outcomes, strict=True)), **rejected}

    def _verifies_previous(self, key: CachedKey | None, message: bytes, sign: str) -> bool:
        """Verify with the secret before the last rotation, where one is still valid.

        Takes the same time where there is none, and twice as long for an unknown key, for which
        no secret was tried before.
        """
        if key is None:
            _verifies(None, message, sign)
        overlaps = key is not None and key.previous_until > self._now()
        return _verifies(key.previous if key is not None and overlaps else None, message, sign)

    async def _find(self, api_key: str) -> CachedKey | None:
        if len(api_key) > _MAX_KEY_LENGTH:
            return None
        return await self._partners.find(api_key)

    async def _first_v2_use(self, key: CachedKey, admission: Admission) -> None:
        """Record the first use of version 2, before the response to it; raise Unavailable."""
        if admission.outcome is AdmissionOutcome.ADMITTED:
            await self._record_v2_use(key.partner.id, key.id)

    def _is_allowed(self, networks: Sequence[Network], headers: AuthHeaders) -> bool:
        """Return whether the client's address is on the allowlist of the partner."""
        return contains(
            networks, self._addresses.exact(headers.peer, headers.request_headers or {})
        )

    async def _changed(
        self,
        api_key: str,
        key: CachedKey | None,
        *,
        rejection: type[AuthInvalid | AuthDisabled],
    ) -> CachedKey | None:
        """Return a newer record of a rejected call's key; raise `rejection` if there is none.

        Without this check, workers that were not notified yet would reject a new key or secret. An
        unknown key takes the same steps, so that its timing does not differ from that of a known
        one.
        """
        try:
            newest, newest_of_all = await asyncio.gather(
                self._admission.newest_revision(key.partner.id if key else _NO_PARTNER),
                self._admission.newest_revision(ALL_PARTNERS),
            )
        except Unavailable:
            self._rejected[_NAMES[rejection]] += 1
            raise rejection from None
        if newest_of_all < 0 or newest_of_all > self._partners.seen_revision:
            await self._catch_up(newest_of_all)
        if key is None:
            found = await self._find(api_key)
            if found is not None:
                return found
        elif newest > key.partner.revision:
            return await self._partners.find_newer(key)
        self._rejected[_NAMES[rejection]] += 1
        raise rejection


def _v2_message(headers: AuthHeaders, body: bytes) -> bytes:
    key, nonce = headers.key or "", headers.nonce or ""
    return v2_message(
        headers.target, key=key.encode("latin-1"), nonce=nonce.encode("latin-1"), body=body
    )


def _accepts_v1(key: CachedKey, call: Call) -> bool:
    return not (key.v2_only or (key.v2_used and call is _ROTATION))


def _verifies(secret: SigningKey | None, message: bytes, sign: str) -> bool:
    if secret is None:
        _DUMMY_KEY.verifies(message, sign)  # takes the same time
        return False
    return secret.verifies(message, sign)


def _caller(key: CachedKey, code: str, admission: Admission, *, with_previous: bool) -> Caller:
    partner = key.partner
    seconds = -(-admission.wait_ms // 1000)
    if admission.outcome is AdmissionOutcome.ADMITTED:
        named = partner.codes.get(code)
        enabled = named if named is not None and named.enabled else None
        return Caller(partner, key, with_previous, enabled, admission.remaining, seconds)
    if admission.outcome is AdmissionOutcome.REPLAYED:
        raise AuthInvalid
    if admission.outcome is AdmissionOutcome.NONCES_LOST:
        raise Unavailable(f"nonces were lost: calls are accepted again in {seconds} s")
    retry_after = max(seconds, 1)
    remaining = remaining_header(admission.remaining, retry_after)
    raise BudgetExceeded(retry_after, headers=[partner.rate_limit_policy, remaining])
