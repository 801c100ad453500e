"""Signatures are HMAC-SHA256, compared in constant time; keys and tokens have their shapes."""

import hashlib
import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.partners.credentials import (
    SigningKey,
    is_idempotency_key,
    is_nonce,
    is_token,
    new_api_key,
    new_credentials,
    new_secret,
)


@given(secret=st.text(max_size=200), body=st.binary(max_size=500))
def test_a_signature_is_hmac_sha256(secret: str, body: bytes) -> None:
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    key = SigningKey(secret)
    assert key.sign(body) == expected
    assert key.verifies(body, expected)
    assert key.verifies(body, expected.upper())


def test_no_flipped_bit_is_accepted() -> None:
    key, body = SigningKey("secret"), b'{"a":1}'
    signature = key.sign(body)
    for bit in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not key.verifies(bytes(flipped), signature)
    for bit in range(len(signature) * 8):
        changed = bytearray(signature.encode())
        changed[bit // 8] ^= 1 << bit % 8
        text = changed.decode("latin-1")
        if text.lower() != signature:
            assert not key.verifies(body, text)


@pytest.mark.parametrize("signature", ["", "0" * 63, "0" * 65, "g" * 64, "é" * 64, "\0" * 64])
def test_a_malformed_signature_is_rejected(signature: str) -> None:
    assert not SigningKey("secret").verifies(b"", signature)


def test_credentials_have_the_documented_format() -> None:
    credentials = new_credentials(os.urandom)
    assert len(credentials.api_key) >= 24
    assert "." not in credentials.api_key
    assert len(credentials.api_secret) == len(credentials.webhook_secret) == 43
    assert credentials.api_secret not in repr(credentials)
    assert is_token(new_secret(os.urandom))


@pytest.mark.parametrize(
    ("nonce", "well_formed"),
    [
        ("a" * 16, True),
        ("a" * 64, True),
        ("a" * 15, False),
        ("a" * 65, False),
        ("a" * 15 + ".", False),
        ("a" * 15 + "\n", False),
        ("é" * 16, False),
    ],
)
def test_a_nonce_has_16_to_64_base64url_characters(nonce: str, well_formed: bool) -> None:
    assert is_nonce(nonce) is well_formed


@pytest.mark.parametrize(
    ("key", "well_formed"),
    [("a" * 8, True), ("a b~!" * 20, True), ("a" * 7, False), ("a" * 129, False), ("é" * 8, False)],
)
def test_an_idempotency_key_has_8_to_128_printable_characters(key: str, well_formed: bool) -> None:
    assert is_idempotency_key(key) is well_formed


def test_no_new_key_begins_like_an_option_of_a_command() -> None:
    assert new_api_key(lambda size: b"\xf8" * size) == "APj4" + "-Pj4" * 5
    assert new_api_key(bytes) == "A" * 24
