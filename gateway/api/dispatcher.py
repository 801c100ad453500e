"""The door of /v1: from a request's head and body to an endpoint and back, whatever the server."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import structlog

from domain.errors import DomainError, Unavailable
from domain.partners.weights import Call
from gateway.api.authentication import (
    Authenticator,
    AuthHeaders,
    BudgetExceeded,
    rate_limit_headers,
)
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.errors import INTERNAL, NOT_FOUND, WRONG_METHOD, ErrorResponse, error_response
from gateway.http.client_address import ClientAddresses
from gateway.http.head import Headers, forwarded_for
from gateway.http.rate_limiter import RateLimiter
from gateway.http.request_id import request_id
from gateway.runtime.metrics import count_call

PREFIXES = ("/v1", "/api/v1")
PARAMETER = "{id}"
RATE_LIMITED_UNSIGNED = frozenset({Call.PRICE, Call.STATUS})
"""What unsigned calls are counted for."""

log = structlog.get_logger()

Header = tuple[bytes, bytes]

_JSON: Header = (b"content-type", b"application/json")
_NOT_STORED: Header = (b"cache-control", b"no-store")


class Response(NamedTuple):
    """An answer, for a transport to send."""

    status: int
    headers: list[Header]
    body: bytes


class Dispatcher:
    """Serves a table of endpoints: checks the signature, calls the endpoint, wraps its answer."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        services: Services,
        authenticator: Authenticator,
        *,
        guard: RateLimiter,
        addresses: ClientAddresses,
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._guard = guard
        self._addresses = addresses
        self._endpoints = {
            (endpoint.method, prefix + endpoint.path): endpoint
            for endpoint in endpoints
            for prefix in PREFIXES
        }
        self._methods: dict[str, list[str]] = {}
        for method, path in self._endpoints:
            self._methods.setdefault(path, []).append(method)

    @property
    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        """Return the endpoints by method and exact path."""
        return self._endpoints

    def refuse_path(self, path: str, sent: Headers) -> Response:
        """Answer what no endpoint takes: 405 where another method would do, else 404."""
        templated = f"{path.rpartition('/')[0]}/{PARAMETER}"
        methods = self._methods.get(path) or self._methods.get(templated) or ()
        return refuse_path(methods, sent)

    async def serve(
        self,
        endpoint: Endpoint,
        sent: Headers,
        body: bytes,
        *,
        peer: str,
        tail: str | None = None,
    ) -> Response:
        """Answer a call of `endpoint` from the address `peer`; `sent` are its headers."""
        headers = _headers_for(sent)
        key, sign, nonce = sent.get(b"x-api-key"), sent.get(b"x-api-sign"), sent.get(b"x-api-nonce")
        try:
            caller = None
            if endpoint.auth_required or not key is sign is nonce is None:
                signed_by = AuthHeaders(_text(key), _text(sign), _text(nonce), peer, sent)
                caller = await self._authenticator.authenticate(signed_by, body, endpoint.call)
                headers += caller.rate_limit_headers()
            elif (
                endpoint.call in RATE_LIMITED_UNSIGNED
            ):  # discovery is bytes from memory, and isn't counted
                self._guard.admit(self._address_of(peer, sent))
            answer = endpoint.handle(
                self._services, Request(body, caller, _text(sent.get(b"idempotency-key")), tail)
            )
            if not isinstance(answer, bytes):
                answer = await answer
        except DomainError as error:
            return _refused(endpoint, error, headers)
        except Exception:
            log.exception("defect", path=endpoint.path, request_id=headers[2][1].decode())
            count_call(endpoint.call, INTERNAL.code)
            return _served(INTERNAL.status, headers, INTERNAL.body())
        count_call(endpoint.call, 0)
        return _served(200, headers, answer)

    def _address_of(self, peer: str, sent: Headers) -> str:
        return self._addresses.of(peer, forwarded_for(sent))


def refuse_path(allowed: Iterable[str], sent: Headers) -> Response:
    """Answer 405 and what is allowed at a path, or 404 where that is nothing."""
    methods = ", ".join(sorted(allowed)).encode()
    refusal = WRONG_METHOD if methods else NOT_FOUND
    headers = _headers_for(sent)
    if methods:
        headers.append((b"allow", methods))
    return _served(refusal.status, headers, refusal.body())


def _headers_for(sent: Headers) -> list[Header]:
    return [_JSON, _NOT_STORED, (b"x-request-id", request_id(sent.get(b"x-request-id")))]


def _refused(endpoint: Endpoint, error: DomainError, headers: list[Header]) -> Response:
    answer: ErrorResponse = error_response(error)
    count_call(endpoint.call, answer.code)
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=endpoint.path, why=str(error))
    if isinstance(error, BudgetExceeded):
        headers += rate_limit_headers(error.budget, error.left, error.retry_after)
    if answer.retry_after is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after))
    return _served(answer.status, headers, answer.body())


def _served(status: int, headers: list[Header], body: bytes) -> Response:
    headers.append((b"content-length", b"%d" % len(body)))
    return Response(status, headers, body)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
