"""An attacker who has captured a signed call tries to make other calls with its signature."""

import json
import secrets
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, quote_request, send
from tests.support.clients.raw_http import Reply, exchange, post

BODY = json.dumps(quote_request()).encode()
ROTATION = b'{"rotate":["apiSecret"]}'
PRICE, CODES, ROTATE = "/price", "/codes", "/keys/rotate"
INVALID = (401, b'{"code":3,"msg":"AUTH_INVALID"}')


@pytest.fixture(scope="module")
def victim(up: Running) -> Partner:
    return up.new_partner()


def outcome(response: Response) -> tuple[int, bytes]:
    return response.status, response.body


def captured(victim: Partner, path: str = PRICE, body: bytes = BODY) -> dict[str, str]:
    """Return the headers of a call that did not reach the service, so its nonce is unused."""
    return victim.v2_headers(f"/v1{path}", body)


def test_the_captured_call_itself_is_accepted_once(victim: Partner) -> None:
    headers = captured(victim)
    assert victim.post(PRICE, BODY, headers).code == 0
    assert outcome(victim.post(PRICE, BODY, headers)) == INVALID


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_signature_is_not_accepted_for_another_method(victim: Partner, method: str) -> None:
    headers = captured(victim, CODES, b"")
    assert outcome(victim.post(CODES, b"", headers, method=method)) == INVALID


def test_the_signature_of_a_code_being_created_does_not_disable_it(victim: Partner) -> None:
    code = {"code": uuid4().hex}
    body = json.dumps(code).encode()
    headers = victim.v2_headers("/v1/codes", body)
    assert victim.post(CODES, body, headers).code == 0
    for nonce in (headers["X-API-NONCE"], secrets.token_urlsafe(24)):
        replayed = {**headers, "X-API-NONCE": nonce}
        assert outcome(victim.post(CODES, body, replayed, method="DELETE")) == INVALID
    (listed,) = (
        one for one in victim.call(CODES, method="GET").data if one["code"] == code["code"]
    )
    assert listed["enabled"]


@pytest.mark.parametrize("path", ["/quote", "/pairs", "/currencies", "/create", "/codes"])
def test_a_signature_is_not_accepted_for_another_path(victim: Partner, path: str) -> None:
    status, body = outcome(victim.post(path, BODY, captured(victim)))
    assert (status, body) == INVALID or status == 404


def test_a_signature_is_not_accepted_under_the_other_prefix_or_spelling(victim: Partner) -> None:
    for path in ("/api/v1/price", "/v1/pric%65", "/v1//price", "/v1/./price"):
        response = send(f"{victim.base_url}{path}", BODY, captured(victim))
        assert response.code in (3, 6), path


def test_a_signature_is_not_accepted_for_another_key(up: Running, victim: Partner) -> None:
    other = up.new_partner()
    for key in (other.api_key, f"{victim.api_key}.code", f"{victim.api_key}."):
        assert outcome(victim.post(PRICE, BODY, {**captured(victim), "X-API-KEY": key})) == INVALID


def test_a_signature_is_not_accepted_with_another_nonce(victim: Partner) -> None:
    headers = captured(victim)
    for nonce in (secrets.token_urlsafe(24), headers["X-API-NONCE"][:-1], ""):
        assert outcome(victim.post(PRICE, BODY, {**headers, "X-API-NONCE": nonce})) == INVALID


def test_a_signature_is_not_accepted_for_another_body(victim: Partner) -> None:
    for body in (BODY + b" ", BODY[:-1], b"{}", b""):
        assert outcome(victim.post(PRICE, body, captured(victim))) == INVALID


def test_a_signature_of_version_2_is_not_accepted_as_version_1(victim: Partner) -> None:
    headers = captured(victim)
    assert outcome(victim.post(PRICE, BODY, {**headers, "X-API-SIGN-VERSION": "1"})) == INVALID
    del headers["X-API-SIGN-VERSION"]
    assert outcome(victim.post(PRICE, BODY, headers)) == INVALID


def test_the_signed_bytes_of_version_2_sent_as_a_body_are_not_accepted_for_rotation(
    victim: Partner,
) -> None:
    """A signature of version 2 is also one of version 1, over a body that begins with `v2`."""
    path = f"/v1{ROTATE}"
    headers = victim.v2_headers(path, ROTATION)
    parts = ("v2", "POST", path, headers["X-API-KEY"], headers["X-API-NONCE"], "")
    body = "\n".join(parts).encode() + ROTATION
    del headers["X-API-SIGN-VERSION"]
    headers["X-API-NONCE"] = secrets.token_urlsafe(24)
    assert outcome(victim.post(ROTATE, body, headers)) == INVALID


def test_no_flipped_bit_of_a_version_2_signature_or_its_body_is_accepted(victim: Partner) -> None:
    body = b"{}"
    headers = victim.v2_headers("/v1/currencies", body)
    sign = bytes.fromhex(headers["X-API-SIGN"])
    for bit in range(8 * len(sign)):
        forged = {**headers, "X-API-SIGN": flipped(sign, bit).hex()}
        assert outcome(victim.post("/currencies", body, forged)) == INVALID
    for bit in range(8 * len(body)):
        assert outcome(victim.post("/currencies", flipped(body, bit), headers)) == INVALID
    assert victim.post("/currencies", body, headers).code == 0


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_rotation_of_version_1_is_not_repeated_once_the_key_has_used_version_2(
    up: Running,
) -> None:
    """Without the secret it takes one captured signature: version 1 does not cover the nonce."""
    partner = up.new_partner()  # its calls are signed with version 2
    replayed = partner.headers(ROTATION)
    for _ in range(8):
        replayed["X-API-NONCE"] = secrets.token_urlsafe(24)
        assert outcome(partner.post(ROTATE, ROTATION, replayed)) == INVALID
    assert partner.post(PRICE, BODY, partner.headers(BODY)).code == 0, "version 1 is still accepted"
    assert partner.call(ROTATE, {"rotate": ["webhookSecret"]}).code == 0


def test_a_captured_rotation_of_version_2_is_not_repeated(up: Running) -> None:
    partner = up.new_partner()
    body = b'{"rotate":["webhookSecret"]}'
    headers = partner.v2_headers(f"/v1{ROTATE}", body)
    assert partner.post(ROTATE, body, headers).code == 0
    for nonce in (headers["X-API-NONCE"], secrets.token_urlsafe(24)):
        repeated = {**headers, "X-API-NONCE": nonce}
        assert outcome(partner.post(ROTATE, body, repeated)) == INVALID


def test_line_feeds_between_the_signed_parts_cannot_be_shifted(
    up: Running, victim: Partner
) -> None:
    """Two X-API-KEY headers are joined by a line feed: key and nonce as the key, body as nonce."""
    body = f"{'n' * 16}\n{{}}".encode()
    headers = victim.v2_headers("/v1/currencies", body, code="code")
    request = post(
        "/v1/currencies",
        b"{}",
        *(b"X-API-KEY: " + headers["X-API-KEY"].encode(),),
        *(b"X-API-KEY: " + headers["X-API-NONCE"].encode(),),
        *(b"X-API-NONCE: " + b"n" * 16, b"X-API-SIGN-VERSION: 2"),
        b"X-API-SIGN: " + headers["X-API-SIGN"].encode(),
    )
    assert outcome_of(exchange(up.base_url, request).only) == INVALID


def outcome_of(reply: Reply) -> tuple[int, bytes]:
    return reply.status, reply.body
