"""Challenges and names of passkeys."""

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from domain.cabinet.passkeys import (
    CHALLENGE_BYTES,
    CHALLENGE_LIFETIME,
    Purpose,
    checked_name,
    credential_id_of,
    new_challenge,
)
from domain.errors import InvalidCommand

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_challenge_serves_its_purpose_for_five_minutes(purpose: Purpose) -> None:
    challenge = new_challenge(purpose, secrets.token_bytes, now=NOW)
    assert len(challenge.value) == CHALLENGE_BYTES
    assert challenge.serves(purpose, now=NOW + CHALLENGE_LIFETIME)
    late = NOW + CHALLENGE_LIFETIME + timedelta(seconds=1)
    assert not challenge.serves(purpose, now=late)
    (other,) = set(Purpose) - {purpose}
    assert not challenge.serves(other, now=NOW)


def test_no_two_challenges_are_equal() -> None:
    values = {new_challenge(Purpose.ADD, secrets.token_bytes, now=NOW).value for _ in range(50)}
    assert len(values) == 50


def test_the_name_of_a_passkey_is_one_short_line() -> None:
    assert checked_name("  Work \n laptop ") == "Work laptop"
    assert checked_name("x" * 50) == "x" * 50
    for name in ("", " ", "x" * 51, "a\x00b", "a\u202eb", "a\u2066b"):
        with pytest.raises(InvalidCommand):
            checked_name(name)


@pytest.mark.parametrize("length", range(1, 9))
def test_the_id_in_a_response_is_base64url_without_padding(length: int) -> None:
    credential_id = secrets.token_bytes(length)
    encoded = base64.urlsafe_b64encode(credential_id).rstrip(b"=").decode()
    assert credential_id_of(json.dumps({"id": encoded, "type": "public-key"})) == credential_id


@pytest.mark.parametrize("response", ["", "[]", "{}", '{"id":1}', '{"id":"\u00e9"}', "\ud800"])
def test_a_response_without_an_id_is_rejected(response: str) -> None:
    with pytest.raises(InvalidCommand):
        credential_id_of(response)
