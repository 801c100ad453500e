"""Section 1 of the contract, HTTP: any request gets the envelope or is rejected by the server.

Requests that hyper rejects before our code runs get an empty body (decision 0028).
"""

import gzip
import hashlib
import hmac
import json
import secrets
import socket
from urllib.parse import urlsplit

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request, send
from tests.support.clients.raw_http import Connection, Reply, chunked, exchange, post

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


def is_enveloped(reply: Reply, status: int, document: dict[str, object]) -> None:
    assert (reply.status, reply.json()) == (status, document)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert 1 <= len(reply.headers["x-request-id"]) <= 64


def is_bare(reply: Reply, status: int) -> None:
    assert (reply.status, reply.body) == (status, b"")
    assert reply.headers["connection"] == "close"


@pytest.fixture(scope="session")
def partner(up: Running) -> Partner:
    return up.partner()


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
    got = exchange(up.base_url, post(path, b"", method=b"GET")).only
    head = exchange(up.base_url, post(path, b"", method=b"HEAD"), to_head=True).only
    assert (head.status, head.headers["content-type"]) == (200, got.headers["content-type"])
    wrong = exchange(up.base_url, post(path, b"{}")).only
    is_enveloped(wrong, 405, INVALID)
    assert wrong.headers["allow"] == "GET, HEAD"


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


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, b"GARBAGE\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n"),
        (400, post("/v1/price", QUOTE, method=b"PO ST")),
        (400, post("/v1/pr ice", QUOTE)),
        (400, post(b"/v1/\xff\xfe", QUOTE)),
        (400, post("/v1/price?\xff".encode("latin-1"), QUOTE)),
        (400, post('/v1/"<b>', QUOTE)),
        (400, post("/v1/price", QUOTE, version=b"HTTP/1.2")),
        (400, post("/v1/price", QUOTE, version=b"HTTP/2.0")),
        (400, post("/v1/price", QUOTE, version=b"http/1.1")),
        (400, post("/v1/price", QUOTE, b"X-A: a\0b")),
        (400, post("/v1/price", QUOTE, b"X A: b")),
        (400, post("/v1/price", QUOTE, b"X-A : b")),
        (400, post("/v1/price", QUOTE, b": b")),
        (400, post("/v1/price", QUOTE, b"no colon")),
        (400, post("/v1/price", QUOTE, b"X-A: b\r\n folded")),
        (400, post("/v1/price", QUOTE, b"X-A: b\rX-B: c")),
        (400, post("/v1/price", QUOTE).replace(b"\r\n", b"\r")),
        (431, post("/v1/price", QUOTE, *(b"X-%d: y" % number for number in range(120)))),
        (431, post("/v1/price", QUOTE, b"X-A: " + b"a" * 100_000)),
        (431, post("/" + "a" * 100_000, QUOTE)),
    ],
    ids=[
        *(
            "no request",
            "TLS",
            "a space in the method",
            "a space in the path",
            "a byte that is not ASCII",
        ),
        *(
            "a byte that is not ASCII in the query",
            "quotes in the path",
            "HTTP/1.2",
            "HTTP/2.0",
            "lower case",
        ),
        *("a NUL in a header", "a space in a name", "a space before the colon", "no name"),
        *("no colon", "a folded header", "a bare CR in a header", "CR as line ends"),
        *("many headers", "a long header", "a very long path"),
    ],
)
def test_malformed_http_is_rejected_and_closes_the_connection(
    up: Running, status: int, request_: bytes
) -> None:
    outcome = exchange(up.base_url, request_ + NEXT, count=2)
    is_bare(outcome.only, status)
    assert outcome.closed


# Framing: the end of a body must be unambiguous


@pytest.mark.parametrize(
    "request_",
    [
        post("/v1/price", QUOTE, b"Content-Length: 3"),
        post("/v1/price", b"{}x", b"Content-Length: 2, 2", length=False),
        post("/v1/price", b"{}", b"Content-Length: +2", length=False),
        post("/v1/price", b"{}", b"Content-Length: -2", length=False),
        post("/v1/price", b"{}", b"Content-Length: 0x2", length=False),
        post("/v1/price", b"{}", b"Content-Length: 2.0", length=False),
        post("/v1/price", b"{}", b"Content-Length:", length=False),
        post("/v1/price", b"{}", "Content-Length: \u0662".encode(), length=False),
        post("/v1/price", b"{}", b"Content-Length: 99999999999999999999", length=False),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: xchunked", length=False),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity", length=False),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: identity"),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding:", length=False),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: chunked", version=b"HTTP/1.0"),
    ],
    ids=[
        *("two lengths", "a list of lengths", "plus", "minus", "hexadecimal", "a fraction"),
        *("an empty length", "other digits", "a huge length", "an unknown coding"),
        *("chunked not last", "identity", "an empty coding", "chunked in HTTP/1.0"),
    ],
)
def test_an_ambiguous_length_is_rejected_and_closes_the_connection(
    up: Running, request_: bytes
) -> None:
    outcome = exchange(up.base_url, request_ + NEXT, count=2)
    is_bare(outcome.only, 400)
    assert outcome.closed


@pytest.mark.parametrize(
    "request_",
    [
        chunked("/v1/price", b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked", length=False),
        post("/v1/price", b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked", length=False),
        chunked("/v1/price", b"zz\r\n{}\r\n0\r\n\r\n"),
        chunked("/v1/price", b"-2\r\n{}\r\n0\r\n\r\n"),
        chunked("/v1/price", b"0x2\r\n{}\r\n0\r\n\r\n"),
        chunked("/v1/price", b"\r\n{}\r\n0\r\n\r\n"),
        chunked("/v1/price", b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"),
        chunked("/v1/price", b"2\r\n{}xx\r\n0\r\n\r\n"),
        chunked("/v1/price", b"2\n{}\n0\n\n"),
        chunked("/v1/price", b'2;a="x\r\ny"\r\n{}\r\n0\r\n\r\n'),
        post("/v1/price", QUOTE, host=None),
        post("/v1/price", QUOTE, host=b"Host:"),
        post("/v1/price", QUOTE, b"Host: elsewhere"),
    ],
    ids=[
        *("chunked twice", "a coded body", "chunked on chunked"),
        *(
            "a size that is not hexadecimal",
            "a negative size",
            "0x in a size",
            "no size",
            "a huge size",
        ),
        *("more than announced", "bare line feeds", "a line feed in an extension"),
        *("no host", "an empty host", "two hosts"),
    ],
)
def test_invalid_framing_or_host_is_rejected_in_the_envelope(up: Running, request_: bytes) -> None:
    outcome = exchange(up.base_url, request_ + NEXT, count=2)
    is_enveloped(outcome.only, 400, INVALID)
    assert outcome.closed


@pytest.mark.parametrize("length_first", [True, False])
def test_a_length_with_a_chunked_body_is_ignored_and_closes_the_connection(
    up: Running, *, length_first: bool
) -> None:
    """RFC 9112, 6.3: the chunks take precedence, and no further request is read."""
    both = [b"Content-Length: 5", b"Transfer-Encoding: chunked"]
    headers = both if length_first else both[::-1]
    request = post("/v1/price", b"0\r\n\r\n" + NEXT, *headers, length=False)
    outcome = exchange(up.base_url, request, count=2)
    is_enveloped(outcome.only, 400, INVALID)
    assert outcome.closed


@pytest.mark.parametrize(
    "request_",
    [
        chunked("/v1/price", b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUOTE), QUOTE)),
        chunked("/v1/price", b"%X;a=b\r\n%b\r\n0\r\n\r\n" % (len(QUOTE), QUOTE)),
        chunked("/v1/price", b"%08x\r\n%b\r\n000\r\n\r\n" % (len(QUOTE), QUOTE)),
        chunked(
            "/v1/price",
            b"".join(b"1\r\n%c\r\n" % byte for byte in QUOTE) + b"0\r\n\r\n",
        ),
        chunked("/v1/price", b"%x\r\n%b\r\n0\r\nX-API-KEY: x\r\n\r\n" % (len(QUOTE), QUOTE)),
        post("/v1/price", QUOTE, b"Content-Length: 00%d" % len(QUOTE), length=False),
        post("/v1/price", QUOTE, b"Content-Length: %d" % len(QUOTE)),
        b"\r\n\r\n" + post("/v1/price", QUOTE),
        post("/v1/price", QUOTE, b"Transfer-Encoding: Chunked", length=False).replace(
            QUOTE, b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUOTE), QUOTE)
        ),
    ],
    ids=[
        *("chunked", "an extension", "zeros in sizes", "byte by byte", "a trailer is no header"),
        *("zeros in the length", "one length twice", "leading empty lines", "another case"),
    ],
)
def test_valid_framing_is_served_and_keeps_the_connection_open(
    up: Running, request_: bytes
) -> None:
    outcome = exchange(up.base_url, request_ + NEXT, count=2)
    assert [reply.json()["code"] for reply in outcome.replies] == [0, 0]


def test_pipelined_requests_are_served_in_order(up: Running) -> None:
    paths = ["/v1/price", "/nothing", "/v1/pairs", "/v1/price", "/healthz"]
    outcome = exchange(up.base_url, b"".join(post(path, QUOTE) for path in paths), count=5)
    assert [reply.status for reply in outcome.replies] == [200, 404, 200, 200, 405]


def test_no_request_after_malformed_data_in_a_pipeline_is_served(up: Running) -> None:
    outcome = exchange(up.base_url, NEXT + b"GARBAGE\r\n\r\n" + NEXT, count=3)
    assert [reply.status for reply in outcome.replies] == [200, 400]
    assert outcome.closed


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


def test_expect_100_continue_is_answered_before_the_body_is_sent(up: Running) -> None:
    with Connection(up.base_url) as connection:
        whole = post("/v1/price", QUOTE, b"Expect: 100-continue")
        connection.send(whole[: -len(QUOTE)])
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


# Headers of the API


def signed(partner: Partner, body: bytes, **changes: bytes) -> dict[str, bytes]:
    sign = hmac.new(partner.api_secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-API-KEY": partner.api_key.encode(),
        "X-API-SIGN": sign.encode(),
        "X-API-NONCE": secrets.token_urlsafe(24).encode(),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }


def lines(headers: dict[str, bytes]) -> list[bytes]:
    return [name.encode() + b": " + value for name, value in headers.items()]


@pytest.mark.parametrize("name", ["X-API-KEY", "X-API-SIGN", "X-API-NONCE"])
@pytest.mark.parametrize("equal", [True, False])
def test_a_repeated_authentication_header_is_rejected(
    up: Running, partner: Partner, name: str, *, equal: bool
) -> None:
    headers = signed(partner, QUOTE)
    second = headers[name] if equal else signed(partner, b"")[name][::-1]
    request = post("/v1/price", QUOTE, *lines(headers), name.lower().encode() + b": " + second)
    is_enveloped(exchange(up.base_url, request).only, 401, {"code": 3, "msg": "AUTH_INVALID"})


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


# Clients that are slow or disconnect


def test_slow_requests_time_out(up: Running) -> None:
    """All connections at once: each takes eight to ten seconds to time out."""
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
    whole = post("/v1/codes", body, *lines(signed(partner, body)))
    for cut in (1, len(body) // 2, len(body)):
        with Connection(up.base_url) as connection:
            connection.send(whole[:-cut])
    address = urlsplit(up.base_url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as client:
        client.sendall(whole[:-1])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert exchange(up.base_url, whole).only.json()["code"] == 0, (
        "neither the code nor the nonce was used"
    )


def test_the_service_is_ready_and_has_logged_no_traceback_at_the_end(up: Running) -> None:
    assert send(f"{up.base_url}/readyz", method="GET").json()["ok"]
    assert "Traceback" not in (up.data_dir / "logs" / "serve.log").read_text()
