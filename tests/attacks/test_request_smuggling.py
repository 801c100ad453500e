"""An attacker hides a second request in the first, for a proxy and the service to disagree on.

What the HTTP server decides before the application sees it is tested as it is: docs/operations.md
states which forms a proxy in front has to reject.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.conftest import Running
from tests.support.clients.raw_http import exchange, post

HIDDEN = post("/v1/currencies", b"{}")
NO_CHUNKS = b"0\r\n\r\n"
LENGTHS = (b"0", b"5", b"%d" % len(NO_CHUNKS + HIDDEN), b"4096")
PATHS = ("/v1/price", "/nothing", "/", "/partner/login")
CODINGS = (
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding:\tchunked", b"transfer-encoding:chunked"),
    *(
        b"Transfer-Encoding: chunked ",
        b"Transfer-Encoding: CHUNKED",
        b"Transfer-Encoding: chunked\t",
    ),
)
MALFORMED = (
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b" Transfer-Encoding: chunked",
    b"X: y\r\n Transfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x00",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunke\xc4\x8f",
    b"Transfer\x00-Encoding: chunked",
    b"Content-Length: 5\r\n 0",
    b"Content-Length: 5, 6",
    b"Content-Length: +5",
    b"Content-Length: 5\x00",
    b"Content-Length: 0x5",
    b"Content-Length: 5 5",
    b"Content-Length : 5",
    b"Content-Length: 1e1",
    b"Content-Length: \xef\xbc\x95",
)


def both() -> Iterator[bytes]:
    """Return requests with a length and a coding, in each order."""
    for path, length, coding in product(PATHS, LENGTHS, CODINGS):
        headers = (b"Content-Length: " + length, coding)
        for order in (headers, headers[::-1]):
            yield post(path, NO_CHUNKS + HIDDEN, *order, length=False)


def several_lengths() -> Iterator[bytes]:
    """Return requests whose lengths differ."""
    for path, one, other in product(PATHS, LENGTHS, LENGTHS):
        if one != other:
            headers = (b"Content-Length: " + one, b"Content-Length: " + other)
            yield post(path, NO_CHUNKS + HIDDEN, *headers, length=False)


def malformed() -> Iterator[bytes]:
    """Return requests with a header that some servers read as a length and others do not."""
    for path, header, beside in product(PATHS, MALFORMED, (b"Content-Length: 5", b"X-A: b")):
        for order in ((header, beside), (beside, header)):
            yield post(path, NO_CHUNKS + HIDDEN, *order, length=False)


CASES = {
    "a length and a coding": list(both()),
    "several lengths": list(several_lengths()),
    "a malformed length or coding": list(malformed()),
}


@pytest.mark.parametrize("form", CASES)
def test_a_hidden_request_is_never_served_and_the_connection_is_closed(
    up: Running, form: str
) -> None:
    for request in CASES[form]:
        outcome = exchange(up.base_url, request, count=2)
        assert len(outcome.replies) <= 1, request
        assert outcome.closed, request


@pytest.mark.parametrize("form", ["several lengths", "a malformed length or coding"])
def test_an_ambiguous_request_is_rejected(up: Running, form: str) -> None:
    for request in CASES[form]:
        assert exchange(up.base_url, request).only.status == 400, request


def test_a_coding_decides_over_a_length_and_nothing_after_the_chunks_is_read(up: Running) -> None:
    """The server removes the length before the application sees it (RFC 9112, 6.3)."""
    rejected = {
        exchange(up.base_url, request).only.status
        for request in CASES["a length and a coding"]
        if request.startswith(b"POST /v1/price")
    }
    assert rejected == {400}, "an empty body is no quote"


def test_there_are_at_least_300_forms() -> None:
    assert sum(map(len, CASES.values())) >= 300
