"""Section 1 of the contract: paths, envelope, headers, methods and bodies, on a running service."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send

REFUSAL = {"code", "msg"}
PATHS = ("/currencies", "/pairs", "/price", "/create", "/order")


@pytest.fixture(scope="session")
def partner(up: Running) -> Partner:
    return up.partner()


def test_both_prefixes_answer_byte_for_byte_the_same(up: Running) -> None:
    for path in ("/currencies", "/pairs"):
        short = send(f"{up.base_url}/v1{path}", b"{}")
        long = send(f"{up.base_url}/api/v1{path}", b"{}")
        assert short.status == long.status == 200
        assert short.body == long.body
    for path in PATHS:
        short = send(f"{up.base_url}/v1{path}", b"[")
        long = send(f"{up.base_url}/api/v1{path}", b"[")
        assert (short.status, short.body) == (long.status, long.body)


def test_every_answer_is_enveloped_and_never_stored(up: Running, partner: Partner) -> None:
    answers = [partner.call(path, {}) for path in PATHS]
    answers += [send(f"{up.base_url}/v1/nothing-here"), send(f"{up.base_url}/v1/price", b"{")]
    for answer in answers:
        document = answer.json()
        assert list(document) == (["code", "msg", "data"] if answer.code == 0 else ["code", "msg"])
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16


def test_a_well_formed_request_id_is_kept_and_another_is_replaced(up: Running) -> None:
    url = f"{up.base_url}/v1/currencies"
    kept = send(url, b"{}", {"X-Request-Id": "my-Request_1"})
    assert kept.headers["x-request-id"] == "my-Request_1"
    for malformed in ("", "x" * 65, "with space", "semi;colon"):
        answer = send(url, b"{}", {"X-Request-Id": malformed})
        assert answer.headers["x-request-id"] != malformed
        assert len(answer.headers["x-request-id"]) == 16


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
        answer = send(f"{up.base_url}{path}", method=method)
        assert (answer.status, answer.json()) == (404, {"code": 6, "msg": "NOT_FOUND"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_a_wrong_method_is_told_the_right_one(up: Running, method: str) -> None:
    answer = send(f"{up.base_url}/v1/price", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    if method != "HEAD":
        assert answer.json() == {"code": 1, "msg": "INVALID_REQUEST"}


def test_an_empty_body_is_as_good_as_braces_for_discovery(up: Running) -> None:
    for path in ("/currencies", "/pairs"):
        empty, braces = (send(f"{up.base_url}/v1{path}", body) for body in (b"", b"{}"))
        assert empty.status == braces.status == 200
        assert empty.body == braces.body


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'"x"', b"1", b"\xff\xfe", b'{"type":1}', b"[" * 30_000, b"{}x"],
    ids=lambda body: body[:8].hex(),
)
def test_what_is_not_the_right_json_is_invalid(up: Running, partner: Partner, body: bytes) -> None:
    for path in PATHS[2:]:
        answer = partner.post(path, body, partner.headers(body))
        assert (answer.status, answer.json()) == (400, {"code": 1, "msg": "INVALID_REQUEST"}), path
    answer = send(f"{up.base_url}/v1/currencies", body)
    if not body.startswith(b'{"type"'):  # a field it doesn't know
        assert (answer.status, answer.code) == (400, 1)


def test_unknown_fields_are_ignored(partner: Partner) -> None:
    request = {**quote_request(), "newer": {"than": ["the", "server"]}}
    assert partner.call("/price", request).code == 0


def test_a_body_over_64_kib_is_refused_before_it_is_read(up: Running) -> None:
    at_most = json.dumps(quote_request()).encode().ljust(64 * 1024)
    assert send(f"{up.base_url}/v1/price", at_most).code == 0
    answer = send(f"{up.base_url}/v1/price", at_most + b" ")
    assert (answer.status, answer.json()) == (413, {"code": 1, "msg": "INVALID_REQUEST"})


def test_a_chunked_body_without_end_is_cut_off_at_64_kib(up: Running) -> None:
    address = urlsplit(up.base_url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), 10) as client:
        client.sendall(b"POST /v1/price HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 50_000_000:
                client.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
                sent += 0x4000
        except OSError:
            pass
        assert sent < 5_000_000
        client.settimeout(20)
        answer = b""
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    assert not answer or answer.startswith(b"HTTP/1.1 413 ")


def test_several_calls_share_a_connection(up: Running) -> None:
    address = urlsplit(up.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    for _ in range(3):
        connection.request("POST", "/v1/price", json.dumps(quote_request()))
        response = connection.getresponse()
        assert json.loads(response.read())["code"] == 0
    connection.close()
