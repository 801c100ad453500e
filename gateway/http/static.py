"""Static files, served from memory under addresses that change with their content."""

from collections.abc import Mapping, Sequence
from typing import Final

from blacksheep import Request
from blacksheep import Response as BlackSheepResponse

from cabinet_htmx.shared.document import Document
from cabinet_htmx.shared.security import page_headers
from gateway.http.blacksheep import Handler, headers_of, to_blacksheep
from gateway.http.message import Header
from gateway.http.negotiation import PAGE, NegotiatedDocument

IMMUTABLE: Final[Header] = (b"cache-control", b"public, max-age=31536000, immutable")
REVALIDATE: Final[Header] = (b"cache-control", b"no-cache")


def encoded(headers: Mapping[str, str]) -> list[Header]:
    """Return the headers of a page as they are sent."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def negotiated(
    document: Document, cache_control: Header, *, status: int = 200, headers: Sequence[Header] = ()
) -> NegotiatedDocument:
    """Return a page or a file in all encodings that pages have."""
    return NegotiatedDocument(
        document.body,
        document.content_type,
        profile=PAGE,
        headers=[*headers, cache_control],
        status=status,
    )


def static_files(files: Mapping[str, Document], *, not_found: Handler) -> Handler:
    """Return a handler of the files at these paths; `not_found` responds for any other path."""
    headers = encoded(page_headers())
    documents = {path: negotiated(file, IMMUTABLE, headers=headers) for path, file in files.items()}

    async def serve(request: Request) -> BlackSheepResponse:
        document = documents.get(request.path)
        if document is None:
            return await not_found(request)
        return to_blacksheep(document.respond(headers_of(request)))

    return serve


def assets_missing(request: Request) -> BlackSheepResponse:
    """Return 503 with the remedy: files that pages need were never copied or built."""
    document = negotiated(
        Document("text/plain", b"These pages haven't been built: run `make assets`.\n"),
        REVALIDATE,
        status=503,
        headers=encoded(page_headers()),
    )
    return to_blacksheep(document.respond(headers_of(request)))
