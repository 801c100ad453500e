"""Authentication and admission, in the contract's order of checks (section 3)."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

import msgspec

from domain.actions.partners.ports import Admission, AdmissionController, AdmissionOutcome
from domain.errors import AuthDisabled, AuthInvalid, AuthRequired, RateLimited, Unavailable
from domain.partners.codes import Code
from domain.partners.credentials import SigningKey, is_nonce
from domain.partners.ip_allowlist import Network, contains
from domain.partners.weights import WEIGHTS, WINDOW_MS, Call
from gateway.api.partner_cache import CachedPartner, PartnerCache
from gateway.http.client_address import ClientAddresses
from gateway.http.message import RequestHeaders

_DUMMY_KEY = SigningKey("a key nobody has, so that unknown partners take as long as known ones")
_NOBODY = UUID(int=0)
_MAX_KEY_LENGTH = 128
_MAX_READS = range(4)
"""How often a record is read for one call: one that is read anew may be from before a rotation."""


class AuthHeaders(msgspec.Struct, frozen=True, gc=False):
    """The three headers as they came; None where one is missing."""

    key: str | None
    sign: str | None
    nonce: str | None
    peer: str = ""
    request_headers: RequestHeaders | None = None
    """All headers of the request; read only for partners with an IP allowlist."""


class Caller(msgspec.Struct, frozen=True):
    """Who has signed a call, through which code, and how much weight is left."""

    access: CachedPartner
    code: Code | None
    left: int
    reset_seconds: int

    def rate_limit_headers(self) -> list[tuple[bytes, bytes]]:
        """Return `RateLimit-Policy` and `RateLimit` (IETF httpapi draft)."""
        return rate_limit_headers(self.access.budget, self.left, self.reset_seconds)


class Authenticator:
    """Tells who calls, and whether they may."""

    def __init__(
        self, directory: PartnerCache, gate: AdmissionController, addresses: ClientAddresses
    ) -> None:
        self._directory = directory
        self._gate = gate
        self._addresses = addresses

    async def authenticate(self, headers: AuthHeaders, body: bytes, call: Call) -> Caller:
        """Return the caller; raise AuthRequired, AuthInvalid, AuthDisabled, RateLimited.

        Raises Unavailable where Valkey or, for a partner not known here yet, the database is away.
        The gate tells of a secret that was replaced without this worker having heard of it: then
        the signature has to be the new one's.
        """
        sign, nonce = headers.sign, headers.nonce
        if headers.key is None or sign is None:
            raise AuthRequired
        api_key, _, code = headers.key.partition(".")
        access = self._directory.known(api_key)
        if access is None and len(api_key) <= _MAX_KEY_LENGTH:
            access = await self._directory.find(api_key)
        for _ in _MAX_READS:
            if (
                access is None
                or not _has_signed(access, body, sign)
                or (access.networks is not None and not self._is_from(access.networks, headers))
            ):
                access = await self._outdated(access, body, sign)
            else:
                if not access.enabled:
                    raise AuthDisabled
                if nonce is None or not is_nonce(nonce):
                    raise AuthInvalid
                admission = await self._gate.admit(
                    access.partner_id,
                    generation=access.generation,
                    nonce=nonce,
                    weight=WEIGHTS[call],
                    budget=access.budget,
                )
                if admission.outcome is not AdmissionOutcome.STALE:
                    return _caller(access, access.codes.get(code), admission)
            access = await self._directory.find_newer(access)
        raise Unavailable("a partner's secrets are older in the database than Valkey says")

    def _is_from(self, networks: Sequence[Network], headers: AuthHeaders) -> bool:
        """Tell whether a call comes from where the partner's may; if not, it is like any forged."""
        address = self._addresses.exact(headers.peer, headers.request_headers or {})
        return contains(networks, address)

    async def _outdated(
        self, access: CachedPartner | None, body: bytes, sign: str
    ) -> CachedPartner:
        """Return `access` where its secret has been replaced unheard of here; else AuthInvalid.

        Without it a new secret would be refused by the workers that have yet to hear of it. An
        unknown key takes the same steps, so that it can't be told from a known one.
        """
        if access is None:
            _DUMMY_KEY.verifies(body, sign)
        try:
            newest = await self._gate.newest_generation(access.partner_id if access else _NOBODY)
        except Unavailable:
            raise AuthInvalid from None
        if access is None or newest <= access.generation:
            raise AuthInvalid
        return access


def _has_signed(access: CachedPartner, body: bytes, sign: str) -> bool:
    key = access.key
    if key is None:  # that takes as long
        _DUMMY_KEY.verifies(body, sign)
        return False
    return key.verifies(body, sign)


def _caller(access: CachedPartner, code: Code | None, admission: Admission) -> Caller:
    if admission.outcome is AdmissionOutcome.ADMITTED:
        used = code if code is not None and code.enabled else None
        return Caller(access, used, admission.remaining, -(-admission.wait_ms // 1000))
    if admission.outcome is AdmissionOutcome.REPLAYED:
        raise AuthInvalid
    retry_after = max(-(-admission.wait_ms // 1000), 1)
    raise BudgetExceeded(retry_after, budget=access.budget, left=admission.remaining)


class BudgetExceeded(RateLimited):
    """A partner's weight budget is spent; carries what the RateLimit headers say."""

    def __init__(self, retry_after: int, *, budget: int, left: int) -> None:
        super().__init__(retry_after)
        self.budget = budget
        self.left = left


@lru_cache(1_000)
def _policy_header(budget: int) -> tuple[bytes, bytes]:
    return b"ratelimit-policy", b'"default";q=%d;w=%d' % (budget, WINDOW_MS // 1000)


def rate_limit_headers(budget: int, left: int, reset_seconds: int) -> list[tuple[bytes, bytes]]:
    """Return the two headers for a budget, what is left of it, and when more comes free."""
    left_header = b"ratelimit", b'"default";r=%d;t=%d' % (left, reset_seconds)
    return [_policy_header(budget), left_header]
