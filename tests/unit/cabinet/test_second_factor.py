"""Codes of apps and recovery codes, and how long somebody waits who guesses."""

import base64
import secrets
from datetime import UTC, datetime

import pytest

from domain.cabinet.login_throttle import OF_EMAIL, ThrottlePolicy
from domain.cabinet.second_factor import (
    code_at,
    enrolment_uri,
    matching_step,
    new_factor_secret,
    new_recovery_codes,
    recovery_hash,
    step_at,
    typed_code,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""Of the appendices of RFC 4226 and 6238."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30) == code


def test_a_code_counts_a_step_early_and_late_and_no_further() -> None:
    now = datetime(2026, 5, 1, 12, 0, 15, tzinfo=UTC)
    present = step_at(now)
    found = {
        at: matching_step(SECRET, code_at(SECRET, present + at), now=now) for at in range(-3, 4)
    }
    assert {at for at, step in found.items() if step is not None} == {-1, 0, 1}
    assert all(step == present + at for at, step in found.items() if step is not None)
    assert matching_step(SECRET, "", now=now) is None
    assert matching_step(SECRET, "\uff11" * 6, now=now) is None


def test_codes_may_be_typed_with_spaces_and_dashes() -> None:
    assert typed_code(" 123 456 ") == "123456"
    codes = new_recovery_codes(secrets.token_bytes)
    assert len(set(codes)) == 10
    assert recovery_hash(codes[0].upper().replace("-", " ")) == recovery_hash(codes[0])
    assert recovery_hash(codes[0]) != recovery_hash(codes[1])


def test_an_app_is_told_who_and_where() -> None:
    secret = new_factor_secret(secrets.token_bytes)
    uri = enrolment_uri(secret, issuer="Swap & Gate", account="a b@example.org")
    assert uri == (
        f"otpauth://totp/Swap%20%26%20Gate:a%20b@example.org?secret={secret}"
        "&issuer=Swap%20%26%20Gate"
    )


def test_waits_grow_twofold_to_the_longest() -> None:
    patience = ThrottlePolicy(2, 3, 20, 60)
    assert [patience.wait_after(failures) for failures in range(1, 8)] == [0, 0, 3, 6, 12, 20, 20]
    assert OF_EMAIL.wait_after(10_000) == OF_EMAIL.longest_wait_seconds
