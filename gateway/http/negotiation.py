"""A document's encodings, made once, and the choice between them for a request."""

import gzip
import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple

import brotli

from gateway.api.dispatcher import Header, Response
from gateway.http.head import Headers

BR: Final = "br"
GZIP: Final = "gzip"
IDENTITY: Final = "identity"

GZIP_LEVEL: Final = 6
BROTLI_QUALITY: Final = 5
"""Of the same speed as gzip at 6, and a fifth smaller: higher ones take ten times as long."""

_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)
_UNCHANGED: Final = 304


class EncodedDocument(NamedTuple):
    """One encoding: its entity tag, and the answers of 200 and 304."""

    etag: bytes
    full: Response
    unchanged: Response


class NegotiatedDocument:
    """What is served of one document, by encoding. Each has a tag of its own, of its bytes."""

    def __init__(self, body: bytes, content_type: str, *, cache: str) -> None:
        encoded = {
            IDENTITY: body,
            GZIP: gzip.compress(body, GZIP_LEVEL, mtime=0),
            BR: brotli.compress(body, quality=BROTLI_QUALITY),
        }
        self.body = body
        self._variants = {
            coding: _variant(coding, content, content_type, cache)
            for coding, content in encoded.items()
        }
        self._by_tag = {variant.etag: variant for variant in self._variants.values()}

    def answer(self, sent: Headers) -> Response:
        """Answer a GET or HEAD: in the encoding the client likes best, or 304 where it has it.

        The tag of any encoding will do for 304: whoever has one of them has this document.
        """
        variant = self._variants[preferred(sent.get(b"accept-encoding"))]
        condition = sent.get(b"if-none-match")
        if condition is None:
            return variant.full
        known = self._known(condition, variant)
        return variant.full if known is None else known.unchanged

    def _known(self, condition: bytes, chosen: EncodedDocument) -> EncodedDocument | None:
        """Return what `If-None-Match` names (RFC 9110, 13.1.2: weak comparison)."""
        tags = [tag.strip().removeprefix(b"W/") for tag in re.split(rb"[,\n]", condition)]
        if b"*" in tags or chosen.etag in tags:
            return chosen
        return next((self._by_tag[tag] for tag in tags if tag in self._by_tag), None)


@lru_cache(maxsize=256)
def preferred(accepted: bytes | None) -> str:
    """Return the coding of ours that `Accept-Encoding` rates highest (RFC 9110, 12.5.3).

    Between equals the smaller one. What isn't well-formed counts as not named; identity is what
    is left, even where the client refuses it.
    """
    if accepted is None:
        return IDENTITY
    weights: dict[str, float] = {}
    for element in re.split("[,\n]", accepted.decode("latin-1")):
        coding, *parameters = (part.strip() for part in element.split(";"))
        weight = 1.0
        for parameter in parameters:
            found = _WEIGHT.fullmatch(parameter)
            if found is None:
                break
            weight = float(found.group(1))
        else:
            name = coding.lower()
            weights[GZIP if name == "x-gzip" else name] = weight
    others = weights.get("*", 0.0)
    # What isn't named isn't acceptable, but identity is: just not as good as anything named.
    rated = {coding: weights.get(coding, others) for coding in (BR, GZIP)}
    rated[IDENTITY] = weights.get(IDENTITY, 0.0)
    best = max(rated, key=lambda coding: rated[coding])
    return best if rated[best] > 0 else IDENTITY


def _variant(coding: str, content: bytes, content_type: str, cache: str) -> EncodedDocument:
    etag = b'"%s"' % hashlib.sha256(content).hexdigest()[:16].encode()
    shared: list[Header] = [
        (b"etag", etag),
        (b"cache-control", cache.encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    headers: list[Header] = [
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(content)),
        *shared,
    ]
    if coding != IDENTITY:
        headers.append((b"content-encoding", coding.encode()))
    return EncodedDocument(etag, Response(200, headers, content), Response(_UNCHANGED, shared, b""))
