"""A document's encodings: which one a client gets, and when it has it already."""

import gzip

import brotli
import pytest

from gateway.http.negotiation import BR, GZIP, IDENTITY, NegotiatedDocument, preferred

BODY = b"<rates></rates>" * 50


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
def test_the_encoding_is_the_one_the_client_rates_highest(
    accepted: bytes | None, coding: str
) -> None:
    assert preferred(accepted) == coding


def test_each_encoding_holds_the_same_bytes_under_a_tag_of_its_own() -> None:
    variants = NegotiatedDocument(BODY, "application/xml", cache="no-cache")
    tags = set()
    for coding, decode in (
        (b"identity", bytes),
        (b"gzip", gzip.decompress),
        (b"br", brotli.decompress),
    ):
        status, headers, body = variants.answer({b"accept-encoding": coding})
        told = dict(headers)
        assert (status, decode(body)) == (200, BODY)
        assert told.get(b"content-encoding", b"identity") == coding
        assert told[b"content-length"] == b"%d" % len(body)
        assert told[b"vary"] == b"Accept-Encoding"
        tags.add(told[b"etag"])
    assert len(tags) == 3


def test_equal_documents_have_equal_tags() -> None:
    one, other = (
        dict(NegotiatedDocument(BODY, "text/xml", cache="").answer({}).headers) for _ in "ab"
    )
    assert one[b"etag"] == other[b"etag"]


def tag(variants: NegotiatedDocument, coding: bytes) -> bytes:
    return dict(variants.answer({b"accept-encoding": coding}).headers)[b"etag"]


@pytest.mark.parametrize("form", [b"%s", b"W/%s", b'"other", %s', b'"other"\n%s', b"*"])
@pytest.mark.parametrize("had", [b"identity", b"gzip", b"br"])
@pytest.mark.parametrize("now", [b"identity", b"gzip", b"br"])
def test_who_has_the_document_in_any_encoding_gets_304(form: bytes, had: bytes, now: bytes) -> None:
    variants = NegotiatedDocument(BODY, "application/xml", cache="no-cache")
    condition = form.replace(b"%s", tag(variants, had))
    status, headers, body = variants.answer({b"accept-encoding": now, b"if-none-match": condition})
    assert (status, body) == (304, b"")
    assert dict(headers)[b"etag"] == (tag(variants, now) if form == b"*" else tag(variants, had))
    assert b"content-length" not in dict(headers)


@pytest.mark.parametrize("condition", [b'"0123456789abcdef"', b"", b"gibberish", b'"'])
def test_who_has_another_document_gets_this_one(condition: bytes) -> None:
    variants = NegotiatedDocument(BODY, "application/xml", cache="no-cache")
    assert variants.answer({b"if-none-match": condition}).status == 200
