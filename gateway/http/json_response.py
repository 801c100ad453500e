"""Responses of the JSON envelope: their headers, and what is returned where no route matches."""

from collections.abc import Iterable
from typing import Final

from domain.errors import DomainError, RejectedInput
from gateway.errors import NOT_FOUND, WRONG_METHOD, ErrorResponse
from gateway.http.message import Header, RequestHeaders, Response
from gateway.http.request_id import request_id_of

_JSON: Final[Header] = (b"content-type", b"application/json")
_DETAILS: Final = b"x-api-details"
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")


def envelope_headers(request_id: bytes) -> list[Header]:
    """Return the headers of every JSON response, except Content-Length."""
    return [_JSON, _NO_STORE, (b"x-request-id", request_id)]


def failure_body(
    row: ErrorResponse, headers: RequestHeaders, error: DomainError | None = None
) -> bytes:
    """Return the body of a failure, with details if the request asks for them by its header."""
    if headers.get(_DETAILS) == b"1":
        return row.body_with_details(error if isinstance(error, RejectedInput) else None)
    return row.body()


def json_response(status: int, headers: list[Header], body: bytes) -> Response:
    """Return a response with its Content-Length appended to `headers`."""
    headers.append((b"content-length", b"%d" % len(body)))
    return Response(status, headers, body)


def route_not_found(allowed_methods: Iterable[str], headers: RequestHeaders) -> Response:
    """Return 405 with `Allow` where other methods are allowed at the path, otherwise 404."""
    allow = ", ".join(sorted(allowed_methods)).encode()
    error = WRONG_METHOD if allow else NOT_FOUND
    response_headers = envelope_headers(request_id_of(headers))
    if allow:
        response_headers.append((b"allow", allow))
    return json_response(error.status, response_headers, failure_body(error, headers))
