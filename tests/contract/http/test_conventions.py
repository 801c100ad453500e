"""Section 1 of the contract: paths, envelope, headers, methods and bodies, on a running service."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send

PATHS = ("/currencies", "/pairs", "/price", "/create", "/order")


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.partner()


def test_both_prefixes_return_the_same_bytes(up: Running) -> None:
    for path in ("/currencies", "/pairs"):
        short = send(f"{up.base_url}/v1{path}", b"{}")
        long = send(f"{up.base_url}/api/v1{path}", b"{}")
        assert short.status == long.status == 200
        assert short.body == long.body
    for path in PATHS:
        short = send(f"{up.base_url}/v1{path}", b"[")
        long = send(f"{up.base_url}/api/v1{path}", b"[")
        assert (short.status, short.body) == (long.status, long.body)


def test_every_response_has_the_envelope_and_is_not_stored(up: Running, partner: Partner) -> None:
    responses = [partner.call(path, {}) for path in PATHS]
    responses += [send(f"{up.base_url}/v1/nothing-here"), send(f"{up.base_url}/v1/price", b"{")]
    for response in responses:
        document = response.json()
        assert list(document) == (
            ["code", "msg", "data"] if response.code == 0 else ["code", "msg"]
        )
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "no-store"
        assert len(response.headers["x-request-id"]) == 16


def test_a_well_formed_request_id_is_returned_and_a_malformed_one_is_replaced(up: Running) -> None:
    url = f"{up.base_url}/v1/currencies"
    response = send(url, b"{}", {"X-Request-Id": "my-Request_1"})
    assert response.headers["x-request-id"] == "my-Request_1"
    for malformed in ("", "x" * 65, "with space", "semi;colon"):
        response = send(url, b"{}", {"X-Request-Id": malformed})
        assert response.headers["x-request-id"] != malformed
        assert len(response.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/api/v1/",
        "/v1",
        "/r",
        "/v2/price",
        "/v1/price/",
        "/V1/price",
        "/v1/Price",
        "//v1/price",
    ],
)
def test_an_unknown_path_is_not_found(up: Running, path: str) -> None:
    for method in ("POST", "GET"):
        response = send(f"{up.base_url}{path}", method=method)
        assert (response.status, response.json()) == (404, {"code": 6, "msg": "NOT_FOUND"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_a_wrong_method_returns_405_with_allow(up: Running, method: str) -> None:
    response = send(f"{up.base_url}/v1/price", method=method)
    assert response.status == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert response.json() == {"code": 1, "msg": "INVALID_REQUEST"}


def test_discovery_accepts_an_empty_body_like_an_empty_object(up: Running) -> None:
    for path in ("/currencies", "/pairs"):
        empty, braces = (send(f"{up.base_url}/v1{path}", body) for body in (b"", b"{}"))
        assert empty.status == braces.status == 200
        assert empty.body == braces.body


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'"x"', b"1", b"\xff\xfe", b'{"type":1}', b"[" * 30_000, b"{}x"],
    ids=lambda body: body[:8].hex(),
)
def test_malformed_or_mistyped_json_is_invalid(up: Running, partner: Partner, body: bytes) -> None:
    for path in PATHS[2:]:
        response = partner.post(path, body, partner.headers(body))
        assert (response.status, response.json()) == (400, {"code": 1, "msg": "INVALID_REQUEST"}), (
            path
        )
    response = send(f"{up.base_url}/v1/currencies", body)
    if not body.startswith(b'{"type"'):  # an unknown field
        assert (response.status, response.code) == (400, 1)


def test_unknown_fields_are_ignored(partner: Partner) -> None:
    request = {**quote_request(), "newer": {"than": ["the", "server"]}}
    assert partner.call("/price", request).code == 0


def test_a_body_over_64_kib_is_rejected(up: Running) -> None:
    largest = json.dumps(quote_request()).encode().ljust(64 * 1024)
    assert send(f"{up.base_url}/v1/price", largest).code == 0
    response = send(f"{up.base_url}/v1/price", largest + b" ")
    assert (response.status, response.json()) == (413, {"code": 1, "msg": "INVALID_REQUEST"})


def test_an_endless_chunked_body_is_rejected_after_64_kib(up: Running) -> None:
    address = urlsplit(up.base_url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), 10) as client:
        client.sendall(b"POST /v1/price HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent_bytes = 0
        try:
            while sent_bytes < 50_000_000:
                client.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
                sent_bytes += 0x4000
        except OSError:
            pass
        assert sent_bytes < 5_000_000
        client.settimeout(20)
        response = b""
        try:
            while chunk := client.recv(65536):
                response += chunk
        except ConnectionResetError:
            pass
    assert not response or response.startswith(b"HTTP/1.1 413 ")


def test_a_connection_serves_several_calls(up: Running) -> None:
    address = urlsplit(up.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    for _ in range(3):
        connection.request("POST", "/v1/price", json.dumps(quote_request()))
        response = connection.getresponse()
        assert json.loads(response.read())["code"] == 0
    connection.close()
