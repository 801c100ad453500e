"""Section 1 of the contract, HTTP: any request gets the envelope or is rejected by the server.

Requests that hyper rejects before our code runs get an empty body (decision 0028).
"""

import json
import secrets
import socket
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send
from tests.support.clients.raw_http import (
    Connection,
    chunked,
    exchange,
    is_enveloped,
    lines,
    post,
    signed,
)

QUOTE = json.dumps(quote_request()).encode()
NEXT = post("/v1/price", QUOTE)
INVALID = {"code": 1, "msg": "INVALID_REQUEST"}
UNKNOWN = {"code": 6, "msg": "NOT_FOUND"}

V1_METHODS = {
    "/currencies": "POST",
    "/pairs": "POST",
    "/price": "POST",
    "/create": "POST",
    "/order": "POST",
    "/emergency": "POST",
    "/qr": "POST",
    "/keys/rotate": "POST",
    "/codes": "DELETE, GET, POST",
    "/codes/enable": "POST",
}


# Methods


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path, allowed in V1_METHODS.items()
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "post", "QUERY")
        if method not in allowed.split(", ")
    ],
)
def test_another_method_returns_405_with_allow(
    up: Running, prefix: str, path: str, method: str
) -> None:
    reply = exchange(up.base_url, post(prefix + path, method=method.encode())).only
    is_enveloped(reply, 405, INVALID)
    assert reply.headers["allow"] == V1_METHODS[path]


@pytest.mark.parametrize("path", V1_METHODS)
def test_head_returns_405_without_a_body(up: Running, path: str) -> None:
    with Connection(up.base_url) as connection:
        connection.send(post("/v1" + path, b"", method=b"HEAD"))
        reply = connection.reply(to_head=True)
        assert reply is not None
        assert (reply.status, reply.headers["allow"]) == (405, V1_METHODS[path])
        connection.send(NEXT)
        following = connection.reply()
        assert following is not None
        assert following.json()["code"] == 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"])
def test_head_of_a_document_returns_the_headers_of_get(up: Running, path: str) -> None:
    host = f"Host: {urlsplit(up.base_url).netloc}".encode()
    get_response = exchange(up.base_url, post(path, b"", method=b"GET", host=host)).only
    head = post(path, b"", method=b"HEAD", host=host)
    head_response = exchange(up.base_url, head, to_head=True).only
    assert (head_response.status, head_response.headers["content-type"]) == (
        200,
        get_response.headers["content-type"],
    )
    post_response = exchange(up.base_url, post(path, b"{}", host=host)).only
    is_enveloped(post_response, 405, INVALID)
    assert post_response.headers["allow"] == "GET, HEAD"


def test_connect_of_a_proxy_request_is_not_found(up: Running) -> None:
    request = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n"
    is_enveloped(exchange(up.base_url, request).only, 404, UNKNOWN)


def test_many_unknown_methods_are_rejected(up: Running) -> None:
    for number in range(50):
        request = post("/v1/price", b"", method=b"METHOD%d" % number)
        is_enveloped(exchange(up.base_url, request).only, 405, INVALID)


# Paths


@pytest.mark.parametrize(
    "path",
    [
        *("/v1", "/v1/", "/v2/price", "/api", "/api/v1", "/api/v2/price", "/favicon.ico"),
        *("/v1/price/", "/v1//price", "//v1/price", "/V1/price", "/v1/Price", "/v1/price;x"),
        *("/v1/%70rice", "/v1%2fprice", "/v1%2Fprice", "/v1/price%20", "/v1/price%00", "/%00"),
        *("/v1/%ff%fe", "/v1/%c3%28", "/v1/%", "/v1/%zz", "/v1/./price", "/v1/../v1/price"),
        *(
            "/v1/price/..",
            "/v1/codes/",
            "/v1/codes/enable/x",
            "/v1/keys",
            "/v1/keys/",
            "/healthz/x",
        ),
        *("/v1/\u00e9", "/\u4e2d\u6587", "/v1/[", "//[", "/v1/price:80", "/a:b@c", "/v1/'or'1'='1"),
        *("/v1/$(id)", "/.env", "/.git/config", "/wp-login.php", "/v1/price.json"),
        *(
            "/v1/" + "a" * 2_000,
            "/v1/" + "a" * 3_000,
            "/" + "a/" * 5_000,
            "/v1/price" + "%20" * 900,
        ),
    ],
    ids=lambda path: path[:24],
)
def test_an_unknown_path_is_not_found_by_any_method(up: Running, path: str) -> None:
    for method in (b"POST", b"GET"):
        reply = exchange(up.base_url, post(path, QUOTE, method=method)).only
        is_enveloped(reply, 404, UNKNOWN)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/price?", "/v1/price?a=b", "/v1/price?type=fixed", "/v1/price?a=%ff&b=%00"),
        *("/v1/price?" + "a" * 20_000, "/v1/price?a[]=1&a[]=2", "/v1/price?/../..", "/v1/price#x"),
        "http://elsewhere.example/v1/price",
    ],
    ids=lambda path: path[:28],
)
def test_a_query_and_the_absolute_form_are_ignored(up: Running, path: str) -> None:
    assert exchange(up.base_url, post(path, QUOTE)).only.json()["code"] == 0


# Rejected by hyper


# Framing: the end of a body must be unambiguous


# Versions, connections and expectations


def test_http_1_0_is_served_and_closes_the_connection(up: Running) -> None:
    for host in (b"Host: swapgate", None):
        outcome = exchange(
            up.base_url, post("/v1/price", QUOTE, version=b"HTTP/1.0", host=host), count=2
        )
        assert outcome.only.json()["code"] == 0
        assert outcome.closed


def test_connection_close_closes_the_connection(up: Running) -> None:
    outcome = exchange(up.base_url, post("/v1/price", QUOTE, b"Connection: close"), count=2)
    assert outcome.only.json()["code"] == 0
    assert outcome.closed


def test_expect_100_continue_gets_an_interim_response_before_the_body_is_sent(up: Running) -> None:
    with Connection(up.base_url) as connection:
        request = post("/v1/price", QUOTE, b"Expect: 100-continue")
        connection.send(request[: -len(QUOTE)])
        interim = connection.reply()
        assert interim is not None
        assert interim.status == 100
        connection.send(QUOTE)
        reply = connection.reply()
        assert reply is not None
        assert reply.json()["code"] == 0


def test_expect_100_continue_of_a_too_large_body_is_rejected_at_once(up: Running) -> None:
    request = post(
        "/v1/price", b"", b"Expect: 100-continue", b"Content-Length: 65537", length=False
    )
    outcome = exchange(up.base_url, request, count=2)
    is_enveloped(outcome.only, 413, INVALID)
    assert outcome.closed


@pytest.mark.parametrize(
    "header",
    [
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
        b"Expect: 200-maybe",
    ],
    ids=["websocket", "h2c", "an unknown expectation"],
)
def test_upgrades_and_unknown_expectations_are_ignored(up: Running, header: bytes) -> None:
    assert exchange(up.base_url, post("/v1/price", QUOTE, header)).only.json()["code"] == 0


@pytest.mark.parametrize("size", [65_537, 100_000, 10**12])
def test_a_too_large_body_is_rejected_and_closes_the_connection(up: Running, size: int) -> None:
    head = post("/v1/price", b"", b"Content-Length: %d" % size, length=False)
    outcome = exchange(up.base_url, head + b" " * min(size, 70_000) + NEXT, count=2)
    is_enveloped(outcome.only, 413, INVALID)
    assert outcome.closed


# Clients that are slow or disconnect


def test_slow_requests_time_out(up: Running) -> None:
    """Uses all connections concurrently, since each takes eight to ten seconds to time out."""
    silent, in_line, in_headers, in_body, in_chunk = (Connection(up.base_url) for _ in range(5))
    in_line.send(b"POST /v1/pri")
    in_headers.send(post("/v1/price", QUOTE)[:40])
    in_body.send(post("/v1/price", QUOTE)[:-1])
    in_chunk.send(chunked("/v1/price", b"%x\r\n%b" % (len(QUOTE), QUOTE)))
    for connection in (in_body, in_chunk):
        reply = connection.reply()
        assert reply is not None
        is_enveloped(reply, 408, INVALID)
        assert connection.is_closed()
    for connection in (silent, in_line, in_headers):
        assert connection.reply() is None
    for connection in (silent, in_line, in_headers, in_body, in_chunk):
        connection.__exit__()


def test_a_client_that_disconnects_within_a_body_has_no_effect(
    up: Running, partner: Partner
) -> None:
    body = json.dumps({"code": f"gone-{secrets.token_hex(4)}"}).encode()
    request = post("/v1/codes", body, *lines(signed(partner, body)))
    for cut in (1, len(body) // 2, len(body)):
        with Connection(up.base_url) as connection:
            connection.send(request[:-cut])
    address = urlsplit(up.base_url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as client:
        client.sendall(request[:-1])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert exchange(up.base_url, request).only.json()["code"] == 0, (
        "the aborted requests used neither the code nor the nonce"
    )


def test_the_service_is_ready_and_has_logged_no_traceback_at_the_end(up: Running) -> None:
    assert send(f"{up.base_url}/readyz", method="GET").json()["ok"]
    assert "Traceback" not in (up.data_dir / "logs" / "serve.log").read_text()
