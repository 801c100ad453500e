"""Authentication and admission of calls, in the contract's order of checks (section 3)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.partners.ports import Admission, AdmissionController, AdmissionOutcome
from domain.errors import AuthDisabled, AuthInvalid, AuthRequired, RateLimited, Unavailable
from domain.partners.codes import Code
from domain.partners.credentials import SigningKey, is_nonce
from domain.partners.ip_allowlist import Network, contains
from domain.partners.signature import is_version_2, v2_message
from domain.partners.weights import WEIGHTS, Call
from gateway.api.partner_cache import CachedPartner, PartnerCache
from gateway.api.rate_limit_headers import remaining_header
from gateway.http.client_address import ClientAddresses
from gateway.http.message import Header, RequestHeaders

_DUMMY_KEY: Final = SigningKey("verified for unknown keys, so that they take the same time")
_NO_PARTNER: Final = UUID(int=0)
_MAX_KEY_LENGTH: Final = 128
_ROTATION: Final = Call.KEYS_ROTATE
_MAX_READS: Final = range(4)
"""Attempts per call: a record that is read again may still be older than a key rotation."""


RecordV2Use = Callable[[UUID], Awaitable[None]]
"""Records that a partner has used version 2; every worker knows it soon. Raises Unavailable."""


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
    """An authenticated partner, the enabled code that it named, and its remaining weight."""

    partner: CachedPartner
    code: Code | None
    remaining: int
    reset_seconds: int

    def rate_limit_headers(self) -> list[Header]:
        """Return `RateLimit-Policy` and `RateLimit`."""
        remaining = remaining_header(self.remaining, self.reset_seconds)
        return [self.partner.rate_limit_policy, remaining]


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
    ) -> None:
        self._partners = partners
        self._admission = admission
        self._addresses = addresses
        self._record_v2_use = record_v2_use

    async def authenticate(self, headers: AuthHeaders, body: bytes, call: Call) -> Caller:
        """Return the caller; raise AuthRequired, AuthInvalid, AuthDisabled, RateLimited.

        Raises InvalidRequest for an unknown version of the signature, and Unavailable where Valkey
        is unavailable, or the database for a partner that is not cached. Admission detects a secret
        that was rotated before this worker was notified; the signature is then verified again with
        the new secret.
        """
        sign, nonce = headers.sign, headers.nonce
        if headers.key is None or sign is None:
            raise AuthRequired
        v2 = headers.version is not None and is_version_2(headers.version)
        message = _v2_message(headers, body) if v2 else body
        api_key, _, code = headers.key.partition(".")
        partner = self._partners.cached(api_key)
        if partner is None and len(api_key) <= _MAX_KEY_LENGTH:
            partner = await self._partners.find(api_key)
        is_current = v2 or call is not _ROTATION
        for _ in _MAX_READS:
            if (
                partner is None
                or not _is_signed_by(partner, message, sign)
                or not (v2 or _accepts_v1(partner, call))
                or (
                    partner.networks is not None and not self._is_allowed(partner.networks, headers)
                )
            ):
                partner = await self._outdated(partner, message, sign)
            elif not is_current:
                is_current = True  # another worker may have recorded the first use of version 2
            else:
                if not partner.enabled:
                    raise AuthDisabled
                if nonce is None or not is_nonce(nonce) or "\n" in code:  # X-API-KEY is repeated
                    raise AuthInvalid
                admission = await self._admission.admit(
                    partner.id,
                    generation=partner.generation,
                    nonce=nonce,
                    weight=WEIGHTS[call],
                    budget=partner.budget,
                )
                if admission.outcome is not AdmissionOutcome.STALE:
                    if v2 and not partner.v2_used:
                        await self._first_v2_use(partner, admission)
                    return _caller(partner, partner.codes.get(code), admission)
            partner = await self._partners.find_newer(partner)
        raise Unavailable("a partner's secrets are older in the database than in Valkey")

    async def _first_v2_use(self, partner: CachedPartner, admission: Admission) -> None:
        """Record the first use of version 2, before the response to it; raise Unavailable."""
        if admission.outcome is AdmissionOutcome.ADMITTED:
            await self._record_v2_use(partner.id)

    def _is_allowed(self, networks: Sequence[Network], headers: AuthHeaders) -> bool:
        """Return whether the client's address is on the allowlist of the partner."""
        return contains(
            networks, self._addresses.exact(headers.peer, headers.request_headers or {})
        )

    async def _outdated(
        self, partner: CachedPartner | None, message: bytes, sign: str
    ) -> CachedPartner:
        """Return `partner` if its secret was rotated since it was cached; raise AuthInvalid if not.

        Without this check, workers that were not notified yet would reject a new secret. An unknown
        key takes the same steps, so that its timing does not differ from that of a known key.
        """
        if partner is None:
            _DUMMY_KEY.verifies(message, sign)
        try:
            newest = await self._admission.newest_generation(partner.id if partner else _NO_PARTNER)
        except Unavailable:
            raise AuthInvalid from None
        if partner is None or newest <= partner.generation:
            raise AuthInvalid
        return partner


def _v2_message(headers: AuthHeaders, body: bytes) -> bytes:
    key, nonce = headers.key or "", headers.nonce or ""
    return v2_message(
        headers.target, key=key.encode("latin-1"), nonce=nonce.encode("latin-1"), body=body
    )


def _accepts_v1(partner: CachedPartner, call: Call) -> bool:
    return not (partner.v2_only or (partner.v2_used and call is _ROTATION))


def _is_signed_by(partner: CachedPartner, message: bytes, sign: str) -> bool:
    key = partner.key
    if key is None:
        _DUMMY_KEY.verifies(message, sign)  # takes the same time
        return False
    return key.verifies(message, sign)


def _caller(partner: CachedPartner, code: Code | None, admission: Admission) -> Caller:
    seconds = -(-admission.wait_ms // 1000)
    if admission.outcome is AdmissionOutcome.ADMITTED:
        enabled = code if code is not None and code.enabled else None
        return Caller(partner, enabled, admission.remaining, seconds)
    if admission.outcome is AdmissionOutcome.REPLAYED:
        raise AuthInvalid
    if admission.outcome is AdmissionOutcome.NONCES_LOST:
        raise Unavailable(f"nonces were lost: calls are accepted again in {seconds} s")
    retry_after = max(seconds, 1)
    remaining = remaining_header(admission.remaining, retry_after)
    raise BudgetExceeded(retry_after, headers=[partner.rate_limit_policy, remaining])
