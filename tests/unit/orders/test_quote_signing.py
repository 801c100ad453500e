"""A quoteId states exactly what was quoted, to the one it was issued to, for 60 seconds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import Bounds, Pair
from domain.errors import QuoteInvalid
from domain.market.pricing import Direction
from domain.orders.quotes.firm_quote import ANYONE, Audience, FirmQuote, Holder
from domain.orders.quotes.quote_signing import KEY_PURPOSE, MAX_LENGTH, QuoteSigner
from domain.orders.states import RateType
from persistence.keyring import KeyRing
from persistence.keyring_file import LiveKeyRing, add_key, new_keyring, remove_key
from tests.support.builders.market import USD, asset
from tests.support.builders.quotes import (
    CODE,
    NOW,
    OURS,
    PARTNER,
    VALID_UNTIL,
    FixedClock,
    quote_signer,
    quoted,
    signed,
)

BTC = asset("BTC", network_fee=2_000, dust_limit=546)
USDT = asset("USDT", 6, network_fee=1_200_000)
PAIR = Pair(BTC, USDT, Bounds(USD, 5_000 * USD))
PRICES = {"BTC": 62_450 * USD, "USDT": USD}
QUOTE = quoted(PAIR, PRICES, 1_000_000, markup_bps=75)
SIGNER = quote_signer()
QUOTE_ID = signed(SIGNER, QUOTE, region="DE")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def verified(
    quote_id: str, signer: QuoteSigner = SIGNER, *, at: datetime = NOW, visitor: bool = False
) -> FirmQuote:
    return signer.verify(quote_id, partner_id=PARTNER, visitor=visitor, at=at)


def is_valid(quote_id: str, signer: QuoteSigner = SIGNER, *, at: datetime = NOW) -> bool:
    try:
        verified(quote_id, signer, at=at)
    except QuoteInvalid:
        return False
    return True


def test_a_quote_id_states_all_that_was_quoted() -> None:
    quote = verified(QUOTE_ID)
    assert (quote.holder, quote.region, quote.valid_until) == (OURS, "DE", VALID_UNTIL)
    assert (quote.rate_type, quote.direction) == (RateType.FLOAT, Direction.FROM)
    assert (quote.source, quote.destination) == ("btc", "usdt")
    assert quote.source_amount == QUOTE.source_amount == 1_000_000
    assert quote.destination_amount == QUOTE.destination_amount
    assert quote.rate == QUOTE.priced.rate
    assert (quote.network_fee, quote.fee_bps, quote.markup_bps) == (1_200_000, 50, 75)
    assert (quote.source_price, quote.destination_price) == (62_450 * USD, USD)


def test_two_equal_quotes_have_different_ids() -> None:
    ids = {signed(SIGNER, QUOTE) for _ in range(1_000)}
    assert len(ids) == len({verified(one).id for one in ids}) == 1_000


def test_a_quote_id_expires_to_the_second() -> None:
    end = datetime.fromtimestamp(VALID_UNTIL + 1, UTC)
    assert is_valid(QUOTE_ID, at=end - timedelta(microseconds=1))
    assert not is_valid(QUOTE_ID, at=end)
    assert not is_valid(QUOTE_ID, at=end + timedelta(days=365))


def test_a_quote_id_of_another_partner_is_invalid() -> None:
    with pytest.raises(QuoteInvalid):
        SIGNER.verify(QUOTE_ID, partner_id=uuid4(), visitor=False, at=NOW)


def test_an_unsigned_quote_may_be_used_by_any_partner_but_not_on_the_swap_page() -> None:
    quote_id = signed(SIGNER, QUOTE, holder=ANYONE)
    for partner_id in (PARTNER, uuid4()):
        quote = SIGNER.verify(quote_id, partner_id=partner_id, visitor=False, at=NOW)
        assert quote.holder == ANYONE
    with pytest.raises(QuoteInvalid):
        verified(quote_id, visitor=True)


def test_quotes_of_the_swap_page_and_of_the_api_are_not_interchangeable() -> None:
    of_page = signed(SIGNER, QUOTE, holder=Holder(Audience.VISITOR, PARTNER, CODE))
    assert verified(of_page, visitor=True).holder.code_id == CODE
    assert not is_valid(of_page)
    with pytest.raises(QuoteInvalid):
        verified(QUOTE_ID, visitor=True)


@pytest.mark.parametrize("position", range(len(QUOTE_ID)))
def test_a_quote_id_with_one_other_character_is_invalid(position: int) -> None:
    for other in ALPHABET + "=+/ .\n\0\u00e9":
        if other != QUOTE_ID[position]:
            altered = QUOTE_ID[:position] + other + QUOTE_ID[position + 1 :]
            assert not is_valid(altered), (position, other)


@given(
    position=st.integers(0, len(QUOTE_ID)),
    length=st.integers(0, 20),
    text=st.one_of(st.text(max_size=20), st.text(ALPHABET, max_size=20)),
)
def test_a_quote_id_with_any_part_replaced_is_invalid(
    position: int, length: int, text: str
) -> None:
    altered = QUOTE_ID[:position] + text + QUOTE_ID[position + length :]
    assert is_valid(altered) == (altered == QUOTE_ID)


@given(position=st.integers(0, len(QUOTE_ID) - 1), bit=st.integers(0, 7))
def test_a_quote_id_with_one_bit_flipped_is_invalid(position: int, bit: int) -> None:
    flipped = bytearray(QUOTE_ID.encode())
    flipped[position] ^= 1 << bit
    assert not is_valid(flipped.decode("latin-1"))


@pytest.mark.parametrize(
    "altered",
    [
        *("", " ", "null", "x", QUOTE_ID * 2, QUOTE_ID[:-4], QUOTE_ID[4:], "A" * 600, "A" * 604),
        *(QUOTE_ID + "A", QUOTE_ID + "====", QUOTE_ID + "\n", " " + QUOTE_ID, QUOTE_ID + "AAAA"),
        *(QUOTE_ID.lower(), QUOTE_ID.upper(), QUOTE_ID[::-1], QUOTE_ID[:-64] + "0" * 64),
    ],
    ids=len,
)
def test_malformed_quote_ids_are_invalid(altered: str) -> None:
    assert not is_valid(altered)


def test_the_parts_of_two_quotes_cannot_be_combined() -> None:
    other = signed(SIGNER, quoted(PAIR, PRICES, 1_000_000_000, markup_bps=75), region="DE")
    for position in range(1, min(len(other), len(QUOTE_ID))):
        combined = other[:position] + QUOTE_ID[position:]
        assert is_valid(combined) == (combined in {other, QUOTE_ID})


def test_every_quote_id_fits_into_600_characters() -> None:
    widest = asset("Z" * 12, 18, code="z" * 24, network_fee=10**38 - 1, fee_bps=2_000)
    pair = Pair(widest, asset("Y" * 12, 18, code="y" * 24), Bounds(1, 10**9 * USD))
    signer = quote_signer(keys={"k" * 32: b"k" * 32}, current="k" * 32)
    prices = {"Z" * 12: 10**27, "Y" * 12: 10**8}
    quote_id = signed(signer, quoted(pair, prices, 10**38 - 1, markup_bps=2_000), region="DE")
    assert len(quote_id) <= MAX_LENGTH
    assert verified(quote_id, signer).source_amount == 10**38 - 1


def ring_signer(
    ring: KeyRing, *, purpose: bytes = KEY_PURPOSE, clock: FixedClock | None = None
) -> QuoteSigner:
    now = (clock or FixedClock()).now
    return QuoteSigner(
        ring.derived(purpose),
        current=lambda: ring.current,
        randomness=lambda size: b"r" * size,
        unix_time=lambda: now().timestamp(),
    )


def test_a_quote_made_before_a_rotation_of_the_key_ring_stays_valid(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(new_keyring())
    path.chmod(0o600)
    clock = FixedClock()
    issuing = ring_signer(LiveKeyRing(path), clock=clock)
    verifying = ring_signer(LiveKeyRing(path))
    before = signed(issuing, QUOTE)
    add_key(path, NOW)
    clock.at += timedelta(seconds=1)
    after = signed(issuing, QUOTE)
    assert before.split(".")[1] == "k1"
    assert after.split(".")[1] != "k1"
    assert is_valid(before, verifying)
    assert is_valid(after, verifying), "a key that another process has added is read at once"
    remove_key(path, "k1")
    assert not is_valid(before, ring_signer(LiveKeyRing(path)))
    assert is_valid(after, ring_signer(LiveKeyRing(path)))


def test_a_quote_of_another_instance_is_invalid() -> None:
    ours, theirs = (KeyRing({"k1": key * 32}, current="k1") for key in (b"a", b"b"))
    assert is_valid(signed(ring_signer(ours), QUOTE), ring_signer(ours))
    assert not is_valid(signed(ring_signer(theirs), QUOTE), ring_signer(ours))


def test_the_key_of_another_purpose_signs_no_quotes() -> None:
    ring = KeyRing({"k1": b"a" * 32}, current="k1")
    other = ring_signer(ring, purpose=b"referral cookie")
    assert not is_valid(signed(other, QUOTE), ring_signer(ring))
