"""Request headers: repeated or malformed ones are rejected, and unknown ones are ignored."""

import gzip
import json

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.clients.raw_http import (
    exchange,
    is_enveloped,
    lines,
    post,
    signed,
)

QUOTE = json.dumps(quote_request()).encode()
INVALID = {"code": 1, "msg": "INVALID_REQUEST"}


@pytest.mark.parametrize("name", ["X-API-KEY", "X-API-SIGN", "X-API-NONCE"])
@pytest.mark.parametrize("equal", [True, False])
def test_a_repeated_authentication_header_is_rejected(
    up: Running, partner: Partner, name: str, *, equal: bool
) -> None:
    headers = signed(partner, QUOTE)
    repeated_value = headers[name] if equal else signed(partner, b"")[name][::-1]
    request = post(
        "/v1/price", QUOTE, *lines(headers), name.lower().encode() + b": " + repeated_value
    )
    is_enveloped(exchange(up.base_url, request).only, 401, {"code": 3, "msg": "AUTH_INVALID"})


def test_a_second_key_after_a_key_with_a_code_is_rejected(up: Running, partner: Partner) -> None:
    headers = signed(partner, QUOTE, X_API_KEY=partner.api_key.encode() + b".code")
    request = post("/v1/price", QUOTE, *lines(headers), b"x-api-key: another")
    is_enveloped(exchange(up.base_url, request).only, 401, {"code": 3, "msg": "AUTH_INVALID"})


@pytest.mark.parametrize("version", [b"1", b"2"])
def test_a_repeated_signature_version_is_invalid(
    up: Running, partner: Partner, version: bytes
) -> None:
    repeated = [b"X-API-SIGN-VERSION: " + version] * 2
    request = post("/v1/price", QUOTE, *lines(signed(partner, QUOTE)), *repeated)
    is_enveloped(exchange(up.base_url, request).only, 400, INVALID)


def test_a_repeated_idempotency_key_header_is_invalid(up: Running, partner: Partner) -> None:
    headers = [*lines(signed(partner, b"{}")), *[b"Idempotency-Key: the-same-key"] * 2]
    is_enveloped(exchange(up.base_url, post("/v1/create", b"{}", *headers)).only, 400, INVALID)


@pytest.mark.parametrize(
    ("key", "is_valid"),
    [
        *((b"12345678", True), (b"a" * 128, True), (b"with spaces, and: signs~", True)),
        *((b"1234567", False), (b"a" * 129, False), (b"", False), (b"\xe9" * 8, False)),
        *(
            (b"tab\tbetween", False),
            (b"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", False),
            (b"  1234567  ", False),
        ),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_an_idempotency_key_is_8_to_128_printable_ascii_characters(
    up: Running, partner: Partner, key: bytes, *, is_valid: bool
) -> None:
    body = json.dumps(order_request()).encode()
    headers = lines(signed(partner, body, Idempotency_Key=key))
    reply = exchange(up.base_url, post("/v1/create", body, *headers)).only
    if is_valid:
        assert reply.json()["code"] == 0
    else:
        is_enveloped(reply, 400, INVALID)


@pytest.mark.parametrize(
    ("proposed", "is_valid"),
    [
        *((b"a", True), (b"A" * 64, True), (b"checkout-77_8", True), (b"  padded  ", False)),
        *((b"", False), (b"A" * 65, False), (b"a b", False), (b"\xe9\xe9", False), (b"a,b", False)),
        *((b"a\r\nX-Request-Id: b", False), (b"{x}", False), (b"a%0d%0aX-Evil: 1", False)),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_request_id_is_returned_if_it_is_well_formed(
    up: Running, proposed: bytes, *, is_valid: bool
) -> None:
    trimmed = proposed.strip().decode("latin-1")
    for path in ("/v1/price", "/nothing", "/v1/" + "a" * 3_000):
        request = post(path, QUOTE, b"X-Request-Id: " + proposed)
        returned = exchange(up.base_url, request).only.headers["x-request-id"]
        assert (returned == trimmed) == (is_valid or proposed == b"  padded  ")
        assert returned.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "name", ["X-API-KEY", "X-API-SIGN", "X-API-NONCE"], ids=["key", "signature", "nonce"]
)
@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"\xc3\xa9", b"", b"a" * 20_000, b"key.with.points", b"'; DROP TABLE"]
)
def test_a_malformed_authentication_header_is_rejected(
    up: Running, partner: Partner, name: str, value: bytes
) -> None:
    headers = signed(partner, QUOTE) | {name: value}
    reply = exchange(up.base_url, post("/v1/price", QUOTE, *lines(headers))).only
    is_enveloped(reply, 401, {"code": 3, "msg": "AUTH_INVALID"})


@pytest.mark.parametrize(
    "header",
    [
        *(b"Content-Type: text/plain", b"Content-Type: application/xml", b"Content-Type: \xff"),
        *(b"Content-Type:", b"Content-Type: application/json; charset=latin-1"),
        *(
            b"Content-Type: multipart/form-data; boundary=x",
            b"Accept: text/html",
            b"Accept: */*;q=0",
        ),
        *(b"Accept-Encoding: gzip, br", b"Content-Encoding: identity", b"Range: bytes=0-1"),
        *(b"If-None-Match: *", b"If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT"),
        *(b"Origin: https://evil.example", b"Cookie: a=b", b"Authorization: Basic eDp5", b"X-A:"),
        *(b"X-HTTP-Method-Override: DELETE", b"Content-MD5: x", b"Trailer: X-API-KEY", b"TE: gzip"),
        *(b'Forwarded: for="[::1]"', b"X-Forwarded-Proto: gopher", b"X-Original-URL: /nothing"),
    ],
    ids=lambda header: header.decode("latin-1")[:36],
)
def test_headers_outside_the_contract_are_ignored(up: Running, header: bytes) -> None:
    reply = exchange(up.base_url, post("/v1/price", QUOTE, header)).only
    assert (reply.status, reply.json()["code"]) == (200, 0)
    assert "set-cookie" not in reply.headers
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br"])
def test_a_compressed_body_is_invalid(up: Running, coding: bytes) -> None:
    request = post("/v1/price", gzip.compress(QUOTE), b"Content-Encoding: " + coding)
    is_enveloped(exchange(up.base_url, request).only, 400, INVALID)


def test_a_body_of_a_call_without_one_is_signed_and_ignored(up: Running, partner: Partner) -> None:
    for body in (b"", b"{}", b"not JSON"):
        request = post("/v1/codes", body, *lines(signed(partner, body)), method=b"GET")
        assert exchange(up.base_url, request).only.json()["code"] == 0
