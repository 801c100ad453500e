"""Codes of authenticator apps, recovery codes, and waiting times after failed attempts."""

import base64
import secrets
from datetime import UTC, datetime

import pytest

from domain.cabinet.login_throttle import EMAIL_POLICY, ThrottlePolicy
from domain.cabinet.second_factor import (
    code_at,
    enrollment_uri,
    matching_step,
    new_factor_secret,
    new_recovery_codes,
    normalized_code,
    recovery_hash,
    step_at,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""The test secret of RFC 4226 and 6238."""


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
def test_codes_match_the_test_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30) == code


def test_a_code_is_accepted_one_step_early_or_late_but_no_more() -> None:
    now = datetime(2026, 5, 1, 12, 0, 15, tzinfo=UTC)
    current = step_at(now)
    steps = {
        at: matching_step(SECRET, code_at(SECRET, current + at), now=now) for at in range(-3, 4)
    }
    assert {at for at, step in steps.items() if step is not None} == {-1, 0, 1}
    assert all(step == current + at for at, step in steps.items() if step is not None)
    assert matching_step(SECRET, "", now=now) is None
    assert matching_step(SECRET, "\uff11" * 6, now=now) is None


def test_spaces_and_dashes_in_a_code_are_ignored() -> None:
    assert normalized_code(" 123 456 ") == "123456"
    codes = new_recovery_codes(secrets.token_bytes)
    assert len(set(codes)) == 10
    assert recovery_hash(codes[0].upper().replace("-", " ")) == recovery_hash(codes[0])
    assert recovery_hash(codes[0]) != recovery_hash(codes[1])


def test_the_enrollment_uri_names_issuer_and_account() -> None:
    secret = new_factor_secret(secrets.token_bytes)
    uri = enrollment_uri(secret, issuer="Swap & Gate", account="a b@example.org")
    assert uri == (
        f"otpauth://totp/Swap%20%26%20Gate:a%20b@example.org?secret={secret}"
        "&issuer=Swap%20%26%20Gate"
    )


def test_waiting_times_double_up_to_the_maximum() -> None:
    policy = ThrottlePolicy(2, 3, 20, 60)
    assert [policy.wait_after(failures) for failures in range(1, 8)] == [0, 0, 3, 6, 12, 20, 20]
    assert EMAIL_POLICY.wait_after(10_000) == EMAIL_POLICY.max_wait_seconds
