"""Content negotiation: the encoding that a client gets, and when it already has the document."""

import gzip
import hashlib

import brotli
import pytest

from gateway.http.message import RequestHeaders
from gateway.http.negotiation import (
    BR,
    FEED,
    GZIP,
    IDENTITY,
    PAGE,
    EncodingProfile,
    NegotiatedDocument,
    preferred_coding,
)

BODY = b"<rates></rates>" * 50
NO_CACHE = (b"cache-control", b"no-cache")
DECODE = {b"identity": bytes, b"gzip": gzip.decompress, b"br": brotli.decompress}


def document(profile: EncodingProfile = FEED, *, status: int = 200) -> NegotiatedDocument:
    return NegotiatedDocument(
        BODY, "application/xml", profile=profile, headers=[NO_CACHE], status=status
    )


def headers_from(negotiated: NegotiatedDocument, coding: bytes) -> RequestHeaders:
    return dict(negotiated.respond({b"accept-encoding": coding}).headers)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, IDENTITY),
        (b"", IDENTITY),
        (b"gzip", GZIP),
        (b"x-gzip", GZIP),
        (b"br", BR),
        (b"gzip, deflate, br", BR),
        (b"GZIP;Q=0.5", GZIP),
        (b"gzip;q=1.0, br;q=0.5", GZIP),
        (b"gzip ; q=0.2 , br ; q=0.3", BR),
        (b"gzip;q=0", IDENTITY),
        (b"gzip;q=0.000, br;q=0", IDENTITY),
        (b"identity;q=0.5, gzip;q=0.1", IDENTITY),
        (b"identity, br;q=0.9", IDENTITY),
        (b"*", BR),
        (b"*;q=0.5, br;q=0", GZIP),
        (b"*;q=0", IDENTITY),
        (b"identity;q=0, *;q=0", IDENTITY),
        (b"identity;q=0, gzip;q=0.001", GZIP),
        (b"deflate, zstd", IDENTITY),
        (b"br\ngzip", BR),
        (b"gzip;q=2", IDENTITY),
        (b"gzip;q=0.1234", IDENTITY),
        (b"gzip;level=9, br;q=x", IDENTITY),
        (b"\xff\xfe;q=1", IDENTITY),
        (b",,;,=", IDENTITY),
    ],
)
def test_the_coding_is_the_one_that_the_client_weights_highest(
    accepted: bytes | None, coding: str
) -> None:
    assert preferred_coding(accepted, (BR, GZIP, IDENTITY)) == coding


@pytest.mark.parametrize("accepted", [b"gzip, deflate, br, zstd", b"br, gzip;q=0.1", b"*"])
def test_a_coding_that_a_document_does_not_have_is_never_selected(accepted: bytes) -> None:
    assert preferred_coding(accepted, (GZIP, IDENTITY)) == GZIP
    assert preferred_coding(b"br", (GZIP, IDENTITY)) == IDENTITY


@pytest.mark.parametrize(
    ("profile", "codings"),
    [(FEED, [b"identity", b"gzip", b"br"]), (PAGE, [b"identity", b"gzip"])],
)
def test_each_encoding_contains_the_same_bytes_and_has_its_own_tag(
    profile: EncodingProfile, codings: list[bytes]
) -> None:
    negotiated = document(profile)
    tags = set()
    for coding in codings:
        status, pairs, body = negotiated.respond({b"accept-encoding": coding})
        headers = dict(pairs)
        assert (status, DECODE[coding](body)) == (200, BODY)
        assert headers.get(b"content-encoding", b"identity") == coding
        assert headers[b"content-length"] == b"%d" % len(body)
        assert headers[b"vary"] == b"Accept-Encoding"
        assert NO_CACHE in pairs
        tags.add(headers[b"etag"])
    assert len(tags) == len(codings)


@pytest.mark.parametrize("coding", [b"identity", b"gzip", b"br"])
def test_the_tag_of_a_feed_is_the_digest_of_its_encoded_bytes(coding: bytes) -> None:
    response = document(FEED).respond({b"accept-encoding": coding})
    digest = hashlib.sha256(response.body).hexdigest()[:16]
    assert dict(response.headers)[b"etag"] == b'"%s"' % digest.encode()


def test_the_tag_of_a_page_is_the_digest_of_its_plain_bytes_with_a_suffix_for_gzip() -> None:
    digest = hashlib.sha256(BODY).hexdigest()[:16].encode()
    negotiated = document(PAGE)
    assert headers_from(negotiated, b"identity")[b"etag"] == b'"%s"' % digest
    assert headers_from(negotiated, b"gzip")[b"etag"] == b'"%s-gz"' % digest


@pytest.mark.parametrize("profile", [FEED, PAGE])
@pytest.mark.parametrize("coding", [b"identity", b"gzip"])
def test_equal_documents_have_equal_tags_in_every_worker(
    profile: EncodingProfile, coding: bytes
) -> None:
    one, other = document(profile), document(profile)
    assert headers_from(one, coding)[b"etag"] == headers_from(other, coding)[b"etag"]


@pytest.mark.parametrize("form", [b"%s", b"W/%s", b'"other", %s', b'"other"\n%s', b"*"])
@pytest.mark.parametrize("cached", [b"identity", b"gzip", b"br"])
@pytest.mark.parametrize("accepted", [b"identity", b"gzip", b"br"])
def test_a_client_that_has_the_document_in_any_encoding_gets_304(
    form: bytes, cached: bytes, accepted: bytes
) -> None:
    negotiated = document()
    tags = {coding: headers_from(negotiated, coding)[b"etag"] for coding in (cached, accepted)}
    condition = form.replace(b"%s", tags[cached])
    status, pairs, body = negotiated.respond(
        {b"accept-encoding": accepted, b"if-none-match": condition}
    )
    headers = dict(pairs)
    assert (status, body) == (304, b"")
    assert headers[b"etag"] == tags[accepted if form == b"*" else cached]
    assert headers[b"cache-control"] == b"no-cache"
    assert b"content-length" not in headers


@pytest.mark.parametrize("condition", [b'"0123456789abcdef"', b"", b"gibberish", b'"'])
def test_a_client_that_has_another_document_gets_this_one(condition: bytes) -> None:
    assert document().respond({b"if-none-match": condition}).status == 200


@pytest.mark.parametrize("condition", [b"*", b"%s"])
def test_a_document_with_an_error_status_is_never_answered_with_304(condition: bytes) -> None:
    negotiated = document(PAGE, status=404)
    tag = headers_from(negotiated, b"gzip")[b"etag"]
    response = negotiated.respond({b"if-none-match": condition.replace(b"%s", tag)})
    assert (response.status, response.body) == (404, BODY)
