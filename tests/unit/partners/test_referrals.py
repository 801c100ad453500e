"""The referral cookie: what it takes to be believed, and for how long."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from domain.errors import Unavailable
from domain.partners.referrals import LIFETIME, ReferralSigner, Referrer, claim_of
from gateway.pages.referrers import CACHE_SECONDS, CachedReferrers
from persistence.keyring import KeyRing

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PARTNER, OTHER = UUID(int=7), UUID(int=8)
KEYS = {"k1": b"a" * 32, "k2": b"b" * 32}
SIGNER = ReferralSigner(KEYS, current=lambda: "k2")


def test_a_cookie_is_valid_for_thirty_days() -> None:
    claim = claim_of(SIGNER.sign("summer", PARTNER, at=NOW))
    assert claim is not None
    assert (claim.key, claim.code) == ("k2", "summer")
    assert SIGNER.verifies(claim, PARTNER, at=NOW)
    assert SIGNER.verifies(claim, PARTNER, at=NOW + LIFETIME)
    assert not SIGNER.verifies(claim, PARTNER, at=NOW + LIFETIME + timedelta(seconds=1))
    assert not SIGNER.verifies(claim, PARTNER, at=NOW - timedelta(minutes=2))


def test_every_part_of_a_cookie_is_signed() -> None:
    claim = claim_of(SIGNER.sign("summer", PARTNER, at=NOW))
    assert claim is not None
    assert not SIGNER.verifies(claim, OTHER, at=NOW)
    assert not SIGNER.verifies(claim, None, at=NOW)
    macs = [claim.mac[:place] + "x" + claim.mac[place + 1 :] for place in range(64)]
    forged = [
        msgspec.structs.replace(claim, code="winter"),
        msgspec.structs.replace(claim, issued=claim.issued + 1),
        msgspec.structs.replace(claim, key="k1"),
        msgspec.structs.replace(claim, key="k3"),
        *(msgspec.structs.replace(claim, mac=mac) for mac in macs),
    ]
    for one in forged:
        assert not SIGNER.verifies(one, PARTNER, at=NOW)


def test_an_old_key_still_verifies_and_a_removed_one_does_not() -> None:
    claim = claim_of(ReferralSigner(KEYS, current=lambda: "k1").sign("summer", PARTNER, at=NOW))
    assert claim is not None
    assert SIGNER.verifies(claim, PARTNER, at=NOW)
    without = ReferralSigner({"k2": KEYS["k2"]}, current=lambda: "k2")
    assert not without.verifies(claim, PARTNER, at=NOW)


def test_keys_for_cookies_differ_from_the_encryption_keys() -> None:
    ring = KeyRing(KEYS, current="k2")
    derived = ring.derived(b"referral cookie")
    assert derived.keys() == KEYS.keys()
    assert not set(derived.values()) & set(KEYS.values())
    assert derived != ring.derived(b"another purpose")
    assert {len(key) for key in derived.values()} == {32}


@pytest.mark.parametrize(
    "cookie",
    [
        *("", "k1", "k1.summer.1700000000", "k1.summer.1700000000." + "g" * 64),
        *("k1.sum.1700000000." + "0" * 64, "k1.summer.017000000000." + "0" * 64),
        *("k1.summer.1700000000." + "0" * 65, "k1.summer.-700000000." + "0" * 64),
        *("k1.summer.1700000000." + "0" * 64 + "\n", "k1.sümmer.1700000000." + "0" * 64),
    ],
)
def test_cookies_of_other_shapes_are_not_parsed(cookie: str) -> None:
    assert claim_of(cookie) is None


class Referrers:
    """Cached referrers, what they read, and the newest revision that they get."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.now = 100.0
        self.revision: int | None = 7
        self.referrer = Referrer(partner_id=PARTNER, enabled=True, markup_bps=5)
        self.cached = CachedReferrers(
            self._read, self._default_partner, self._newest, monotonic=lambda: self.now
        )

    async def read_again(self) -> list[str]:
        """Look both up, and return what was read from the database."""
        self.reads.clear()
        assert await self.cached.of("summer") is self.referrer
        assert await self.cached.default_partner() is self.referrer
        return list(self.reads)

    async def _read(self, code: str) -> Referrer:
        self.reads.append(code)
        return self.referrer

    async def _default_partner(self) -> Referrer:
        self.reads.append("default partner")
        return self.referrer

    async def _newest(self) -> int:
        if self.revision is None:
            raise Unavailable
        return self.revision


BOTH = ["summer", "default partner"]


async def test_referrers_are_cached_briefly_while_no_partner_changes() -> None:
    referrers = Referrers()
    assert await referrers.read_again() == BOTH
    assert await referrers.read_again() == []
    referrers.now += CACHE_SECONDS + 0.1
    assert await referrers.read_again() == BOTH


async def test_referrers_are_read_again_after_a_change_of_any_partner() -> None:
    referrers = Referrers()
    await referrers.read_again()
    referrers.revision = 8
    assert await referrers.read_again() == BOTH
    assert await referrers.read_again() == []


@pytest.mark.parametrize("revision", [None, -1], ids=["Valkey is unavailable", "revision lost"])
async def test_referrers_are_always_read_where_the_newest_revision_is_unknown(
    revision: int | None,
) -> None:
    referrers = Referrers()
    referrers.revision = revision
    for _ in range(3):
        assert await referrers.read_again() == BOTH


async def test_referrers_are_read_again_on_demand() -> None:
    referrers = Referrers()
    await referrers.read_again()
    await referrers.cached.of("summer", fresh=True)
    await referrers.cached.default_partner(fresh=True)
    assert referrers.reads == BOTH * 2
