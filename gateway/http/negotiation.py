"""Content negotiation (RFC 9110): a document in all its encodings, and the choice between them.

Encodings are prepared once per document, never per request. All documents follow the same rules of
selection and of conditional requests; a profile says in which encodings a kind of document is
served and how its entity tags are formed.
"""

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Final, NamedTuple

import brotli

from gateway.http.message import Header, RequestHeaders, Response

BR: Final = "br"
GZIP: Final = "gzip"
IDENTITY: Final = "identity"

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)


class EncodingProfile(NamedTuple):
    """In which encodings a kind of document is served, and the form of its entity tags."""

    compressors: Mapping[str, Callable[[bytes], bytes]]
    """By content coding, the smallest result first; identity is always available as well."""
    entity_tag: Callable[[str, bytes, bytes], str]
    """Returns an opaque tag from the content coding, the plain body and the encoded body."""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _tag_of_encoded_bytes(_coding: str, _body: bytes, encoded: bytes) -> str:
    return _digest(encoded)


def _tag_with_suffix(coding: str, body: bytes, _encoded: bytes) -> str:
    return _digest(body) if coding == IDENTITY else f"{_digest(body)}-gz"


FEED: Final = EncodingProfile(
    # Brotli at 5 takes as long as gzip at 6, and its result is a fifth smaller; higher qualities
    # take ten times as long.
    compressors={
        BR: partial(brotli.compress, quality=5),
        GZIP: partial(gzip.compress, compresslevel=6, mtime=0),
    },
    entity_tag=_tag_of_encoded_bytes,
)
"""Rate feeds: 16 hex digits of the encoded bytes (contract, section 9)."""

PAGE: Final = EncodingProfile(
    compressors={GZIP: partial(gzip.compress, mtime=0)},
    entity_tag=_tag_with_suffix,
)
"""Pages, static files and /openapi.json: 16 hex digits of the plain bytes, then `-gz` for gzip."""


class EncodedDocument(NamedTuple):
    """A document in one encoding: its entity tag, and the responses with and without the body."""

    etag: bytes
    full: Response
    not_modified: Response


class NegotiatedDocument:
    """A document in all encodings of its profile. Each encoding has its own strong entity tag."""

    def __init__(
        self,
        body: bytes,
        content_type: str,
        *,
        profile: EncodingProfile,
        headers: Sequence[Header],
        status: int = _OK,
    ) -> None:
        """Encode `body`. `headers` are part of every response, also of 304."""
        self.body = body
        self._is_conditional = status == _OK
        codings = {**profile.compressors, IDENTITY: bytes}
        self._codings = tuple(codings)
        self._by_coding: dict[str, EncodedDocument] = {}
        for coding, compress in codings.items():
            encoded = compress(body)
            etag = b'"%s"' % profile.entity_tag(coding, body, encoded).encode()
            shared: list[Header] = [(b"etag", etag), *headers, (b"vary", b"Accept-Encoding")]
            described = [
                (b"content-type", content_type.encode()),
                (b"content-length", b"%d" % len(encoded)),
                *shared,
            ]
            if coding != IDENTITY:
                described.append((b"content-encoding", coding.encode()))
            self._by_coding[coding] = EncodedDocument(
                etag, Response(status, described, encoded), Response(_NOT_MODIFIED, shared, b"")
            )
        self._by_tag = {encoded.etag: encoded for encoded in self._by_coding.values()}

    @property
    def size(self) -> int:
        """Return the number of bytes of all encodings."""
        return sum(len(encoded.full.body) for encoded in self._by_coding.values())

    def respond(self, headers: RequestHeaders) -> Response:
        """Return the response to GET or HEAD: the encoding that the client prefers, or 304.

        A tag of any encoding results in 304: a client that has one encoding has the document.
        """
        preferred = preferred_coding(headers.get(b"accept-encoding"), self._codings)
        selected = self._by_coding[preferred]
        condition = headers.get(b"if-none-match")
        if condition is None or not self._is_conditional:
            return selected.full
        cached = self._cached_by_client(condition, selected)
        return selected.full if cached is None else cached.not_modified

    def _cached_by_client(
        self, condition: bytes, selected: EncodedDocument
    ) -> EncodedDocument | None:
        """Return the encoding that `If-None-Match` names (RFC 9110, 13.1.2: weak comparison)."""
        tags = [tag.strip().removeprefix(b"W/") for tag in re.split(rb"[,\n]", condition)]
        if b"*" in tags or selected.etag in tags:
            return selected
        return next((self._by_tag[tag] for tag in tags if tag in self._by_tag), None)


@lru_cache(maxsize=256)
def preferred_coding(accepted: bytes | None, codings: tuple[str, ...]) -> str:
    """Return the one of `codings` that `Accept-Encoding` weights highest (RFC 9110, 12.5.3).

    Of equal weights the first of `codings` is preferred. A malformed element is ignored. Identity
    is the fallback, even where the client excludes it.
    """
    if accepted is None:
        return IDENTITY
    weights: dict[str, float] = {}
    for element in re.split("[,\n]", accepted.decode("latin-1")):
        coding, *parameters = (part.strip() for part in element.split(";"))
        weight = 1.0
        for parameter in parameters:
            match = _WEIGHT.fullmatch(parameter)
            if match is None:
                break
            weight = float(match.group(1))
        else:
            name = coding.lower()
            weights[GZIP if name == "x-gzip" else name] = weight
    unnamed = weights.get("*", 0.0)
    # A coding that is not named is not acceptable. Identity is, but any named coding is better.
    weighted = {coding: weights.get(coding, unnamed) for coding in codings}
    weighted[IDENTITY] = weights.get(IDENTITY, 0.0)
    best = max(weighted, key=lambda coding: weighted[coding])
    return best if weighted[best] > 0 else IDENTITY
