"""Conversion between BlackSheep's requests and responses and ours."""

from collections.abc import Awaitable, Callable

from blacksheep import Content, Request, StreamedContent
from blacksheep import Response as BlackSheepResponse

from gateway.http.connections.pieces import WHOLE_BYTES, provider_of
from gateway.http.message import RequestHeaders, Response, request_headers

Handler = Callable[[Request], Awaitable[BlackSheepResponse]]

_WRITTEN_BY_BLACKSHEEP = (b"content-type", b"content-length")


def headers_of(request: Request) -> RequestHeaders:
    """Return the headers of a request by name."""
    return request_headers([(name.lower(), value) for name, value in request.headers])


def to_blacksheep(response: Response) -> BlackSheepResponse:
    """Return a response as BlackSheep sends it; it writes Content-Type and -Length itself."""
    headers = [header for header in response.headers if header[0] not in _WRITTEN_BY_BLACKSHEEP]
    content_type = dict(response.headers).get(b"content-type")
    content = _content(content_type, response.body) if content_type else None
    return BlackSheepResponse(response.status, headers, content)


def _content(content_type: bytes, body: bytes) -> Content:
    if len(body) <= WHOLE_BYTES:
        return Content(content_type, body)
    return StreamedContent(content_type, provider_of(body), len(body))
