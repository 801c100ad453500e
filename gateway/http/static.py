"""Responses that serve prepared bytes: conditional (ETag) and compressed (RFC 9110)."""

from collections.abc import Awaitable, Callable
from typing import Final

from blacksheep import Content, Request, Response

from cabinet_htmx.shared.representation import Representation

Handler = Callable[[Request], Awaitable[Response]]

IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATED: Final = "no-cache"

UNBUILT: Final = Representation.of(
    b"These pages haven't been built: run `make assets`.\n", "text/plain"
)


def respond(
    request: Request, status: int, shown: Representation, *, cached: str, headers: dict[str, str]
) -> Response:
    """Return the encoding the client accepts, or 304 if the client already has it."""
    gzipped = _takes_gzip(request)
    etag = shown.etag(gzipped=gzipped)
    fields = {**headers, "Cache-Control": cached, "ETag": etag, "Vary": "Accept-Encoding"}
    if status == 200 and _has(request, etag):
        return Response(304, _encoded(fields))
    if gzipped:
        fields["Content-Encoding"] = "gzip"
    body = shown.gzipped if gzipped else shown.plain
    return Response(status, _encoded(fields), Content(shown.content_type.encode(), body))


def _takes_gzip(request: Request) -> bool:
    accepted = (request.get_first_header(b"Accept-Encoding") or b"").replace(b" ", b"")
    return any(
        coding == b"gzip" or (coding.startswith(b"gzip;q=") and _is_nonzero(coding[7:]))
        for coding in accepted.lower().split(b",")
    )


def _is_nonzero(weight: bytes) -> bool:
    """Return whether a quality value is more than zero."""
    return weight.strip(b"0.") != b""


def _has(request: Request, etag: str) -> bool:
    """Return whether `If-None-Match` names this tag (RFC 9110, 13.1.2: weak comparison)."""
    condition = (request.get_first_header(b"If-None-Match") or b"").decode("latin-1")
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return "*" in tags or etag in tags


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
