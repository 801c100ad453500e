"""Cross-origin calls from web pages (CORS, as in the Fetch standard): any origin, no credentials.

Only unsigned calls get these headers, and only those of web pages, whose browsers send the origin.
A page of another origin cannot make signed ones: its browser asks first, and the response permits
none of the headers of a signature.
"""

from typing import Final

from gateway.http.json_response import envelope_headers
from gateway.http.message import Header, RequestHeaders, Response
from gateway.http.request_id import request_id_of

ORIGIN: Final = b"origin"
"""Browsers send this header with every request to another origin."""
ANY_ORIGIN: Final[tuple[Header, ...]] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Request-Id, Retry-After"),
)
"""The headers of a response that pages of any origin may read."""
ALLOWED_HEADERS: Final = b"Content-Type, X-Request-Id, X-API-DETAILS"
MAX_AGE_SECONDS: Final = 86_400


def is_preflight(headers: RequestHeaders) -> bool:
    """Return whether an OPTIONS request asks, for a web page, if a call is permitted."""
    return ORIGIN in headers and b"access-control-request-method" in headers


def preflight_response(method: str, headers: RequestHeaders) -> Response:
    """Return the response that permits unsigned calls by `method`."""
    _, no_store, request_id = envelope_headers(request_id_of(headers))
    permitted: list[Header] = [
        no_store,
        request_id,
        ANY_ORIGIN[0],
        (b"access-control-allow-methods", method.encode()),
        (b"access-control-allow-headers", ALLOWED_HEADERS),
        (b"access-control-max-age", b"%d" % MAX_AGE_SECONDS),
    ]
    return Response(204, permitted, b"")
