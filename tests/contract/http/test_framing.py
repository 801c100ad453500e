"""Request framing: a malformed request is rejected and its connection is closed."""

import json

import pytest

from tests.conftest import Running
from tests.support.clients.partner import quote_request
from tests.support.clients.raw_http import (
    chunked,
    exchange,
    is_bare,
    is_enveloped,
    post,
)

QUOTE = json.dumps(quote_request()).encode()
NEXT = post("/v1/price", QUOTE)
INVALID = {"code": 1, "msg": "INVALID_REQUEST"}


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
