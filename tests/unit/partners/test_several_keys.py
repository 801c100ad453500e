"""Keys of one partner share its record, and every failed verification takes the same steps."""

import hashlib
import hmac
from collections.abc import Awaitable
from uuid import UUID

import msgspec
import pytest

from domain.actions.partners.ports import Admission, AdmissionOutcome
from domain.errors import AuthInvalid, InvalidRequest, OutOfScope
from domain.partners.api_keys import MAX_OVERLAP_SECONDS, checked_overlap
from domain.partners.credentials import SigningKey
from domain.partners.partner import PartnerAccess
from domain.partners.scopes import EVERY_SCOPE, FULL_ONLY, FULL_OR_READ, FULL_OR_TRADE, Scope
from domain.partners.weights import Call
from gateway.api.authentication import Authenticator, AuthHeaders, Caller
from gateway.api.partner_cache import PartnerCache
from gateway.http.client_address import ClientAddresses

PARTNER, KEY = UUID(int=7), UUID(int=8)
NOW = 1_000.0
BODY = b"{}"


def access(api_key: str, **changes: object) -> PartnerAccess:
    record = PartnerAccess(
        id=PARTNER,
        key_id=KEY,
        enabled=True,
        api_key=api_key,
        api_secret="current",
        previous_secret=None,
        previous_until=0.0,
        scope=Scope.FULL,
        generation=0,
        revision=5,
        markup_bps=0,
        budget=100,
        codes={},
    )
    return msgspec.structs.replace(record, **changes)


class AdmitsAll:
    """An admission that admits every call, and knows no newer revision."""

    async def admit(
        self, partner_id: UUID, *, revision: int, nonce: str, weight: int, budget: int
    ) -> Admission:
        del partner_id, revision, nonce, weight, budget
        return Admission(AdmissionOutcome.ADMITTED, 99, 0)

    async def newest_revision(self, partner_id: UUID) -> int:
        del partner_id
        return 5


class Gate:
    """An authenticator over some records."""

    def __init__(self, *records: PartnerAccess) -> None:
        self._records = {record.api_key: record for record in records}
        self.cache = PartnerCache(self._read)
        self.cache.invalidate(self._records)
        self.cache.mark_verified(5)
        self._authenticator = Authenticator(
            self.cache,
            AdmitsAll(),
            ClientAddresses(),
            record_v2_use=self._nothing,
            catch_up=self._nothing,
            now=lambda: NOW,
        )

    async def _read(self, api_key: str) -> PartnerAccess | None:
        return self._records.get(api_key)

    async def _nothing(self, *_: object) -> None:
        return

    def call(self, api_key: str, secret: str) -> Awaitable[Caller]:
        sign = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
        return self._authenticator.authenticate(
            AuthHeaders(api_key, sign, "n" * 16), BODY, Call.PRICE
        )


async def test_keys_of_one_partner_share_its_record() -> None:
    gate = Gate(access("one"), access("other"), access("newer", revision=6))
    one, other, newer = [(await gate.call(key, "current")).key for key in ("one", "other", "newer")]
    assert one.partner is other.partner
    assert newer.partner is not one.partner
    gate.cache.invalidate_partner(PARTNER)
    assert [gate.cache.cached(key) for key in ("one", "other", "newer")] == [None] * 3


RECORDS = {
    "no old secret": access("key"),
    "an old secret": access("key", previous_secret="old", previous_until=NOW + 1),
    "an expired secret": access("key", previous_secret="old", previous_until=NOW),
    "a secret that cannot be decrypted": access("key", api_secret=None),
    "both that cannot be decrypted": access("key", api_secret=None, previous_until=NOW + 1),
    "an unknown key": access("another"),
}


@pytest.mark.parametrize("case", RECORDS)
async def test_every_failed_verification_tries_two_secrets(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    gate, tried = Gate(RECORDS[case]), []
    with pytest.raises(AuthInvalid):
        await gate.call("key", "wrong")  # the record is cached afterwards
    verifies = SigningKey.verifies

    def counted(key: SigningKey, body: bytes, signature: str) -> bool:
        tried.append(key)
        return verifies(key, body, signature)

    monkeypatch.setattr(SigningKey, "verifies", counted)
    with pytest.raises(AuthInvalid):
        await gate.call("key", "wrong")
    assert len(tried) == 2


@pytest.mark.parametrize(("until", "accepted"), [(NOW + 0.1, True), (NOW, False), (0.0, False)])
async def test_an_old_secret_is_accepted_until_its_end(*, until: float, accepted: bool) -> None:
    gate = Gate(access("key", previous_secret="old", previous_until=until))
    assert not (await gate.call("key", "current")).with_previous
    if accepted:
        assert (await gate.call("key", "old")).with_previous
    else:
        with pytest.raises(AuthInvalid):
            await gate.call("key", "old")


@pytest.mark.parametrize("scope", Scope)
async def test_a_caller_is_checked_against_the_scopes_of_an_endpoint(scope: Scope) -> None:
    caller = await Gate(access("key", scope=scope)).call("key", "current")
    for scopes in (EVERY_SCOPE, FULL_ONLY, FULL_OR_TRADE, FULL_OR_READ):
        if scope in scopes:
            caller.check_scope(scopes)
        else:
            with pytest.raises(OutOfScope):
                caller.check_scope(scopes)


@pytest.mark.parametrize("seconds", [-1, MAX_OVERLAP_SECONDS + 1, 10**12])
def test_an_overlap_is_at_most_a_day(seconds: int) -> None:
    assert checked_overlap(0) == 0
    assert checked_overlap(MAX_OVERLAP_SECONDS) == MAX_OVERLAP_SECONDS
    with pytest.raises(InvalidRequest):
        checked_overlap(seconds)
