"""Serves /v1: checks a call's signature, calls its endpoint, and returns the response."""

from collections.abc import Iterable, Mapping
from functools import partial
from time import perf_counter

import structlog

from domain.errors import DomainError, Unavailable
from domain.partners.signature import signed_target
from domain.partners.weights import Call
from gateway.api.authentication import (
    Authenticator,
    AuthHeaders,
    BudgetExceeded,
)
from gateway.api.cors import ANY_ORIGIN, ORIGIN
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.errors import INTERNAL, ErrorResponse, error_response
from gateway.http.client_address import ClientAddresses
from gateway.http.direct import DirectHandlers
from gateway.http.json_response import (
    envelope_headers,
    failure_body,
    json_response,
    route_not_found,
)
from gateway.http.message import Header, RequestHeaders, Response
from gateway.http.rate_limiter import RateLimiter
from gateway.http.request_id import request_id_of
from gateway.runtime.metrics import times_of

PREFIXES = ("/v1", "/api/v1")
PARAMETER = "{id}"
RATE_LIMITED_UNSIGNED = frozenset({Call.PRICE, Call.QUOTE, Call.STATUS, Call.VALIDATE_ADDRESS})
"""Endpoints whose unsigned calls are counted per client address."""

log = structlog.get_logger()


class Dispatcher:
    """Serves a table of endpoints: authenticates a call, and returns its endpoint's response."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        services: Services,
        authenticator: Authenticator,
        *,
        rate_limiter: RateLimiter,
        addresses: ClientAddresses,
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._rate_limiter = rate_limiter
        self._addresses = addresses
        self._endpoints = {
            (endpoint.method, prefix + endpoint.path): endpoint
            for endpoint in endpoints
            for prefix in PREFIXES
        }
        self._times = {
            endpoint.path: times_of(endpoint.call) for endpoint in self._endpoints.values()
        }
        self._methods: dict[str, list[str]] = {}
        for method, path in self._endpoints:
            self._methods.setdefault(path, []).append(method)

    @property
    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        """Return the endpoints by method and exact path."""
        return self._endpoints

    def direct_handlers(self) -> DirectHandlers:
        """Return a handler of each endpoint without a path parameter, by method and exact path."""
        return {
            (method, path.encode()): partial(
                self.serve, endpoint, target=signed_target(method.encode(), path.encode())
            )
            for (method, path), endpoint in self._endpoints.items()
            if not path.endswith(PARAMETER)
        }

    def route_not_found(self, path: str, headers: RequestHeaders) -> Response:
        """Return the response for a path or method without an endpoint: 405 or 404."""
        with_parameter = f"{path.rpartition('/')[0]}/{PARAMETER}"
        methods = self._methods.get(path) or self._methods.get(with_parameter) or ()
        return route_not_found(methods, headers)

    async def serve(
        self,
        endpoint: Endpoint,
        headers: RequestHeaders,
        body: bytes,
        *,
        peer: str,
        target: bytes,
        parameter: str | None = None,
    ) -> Response:
        """Return the response to a call of `endpoint` from the address `peer`.

        `target` is the `signed_target` of the request.
        """
        started = perf_counter()
        times = self._times[endpoint.path]
        request_id = request_id_of(headers)
        response_headers = envelope_headers(request_id)
        key, sign = headers.get(b"x-api-key"), headers.get(b"x-api-sign")
        nonce = headers.get(b"x-api-nonce")
        try:
            caller = None
            if endpoint.auth_required or not key is sign is nonce is None:
                version = headers.get(b"x-api-sign-version")
                auth = AuthHeaders(
                    _text(key), _text(sign), _text(nonce), peer, target, version, headers
                )
                caller = await self._authenticator.authenticate(auth, body, endpoint.call)
                response_headers += caller.rate_limit_headers()
                caller.check_scope(endpoint.scopes)
            else:
                if endpoint.any_origin and ORIGIN in headers:
                    response_headers += ANY_ORIGIN
                if endpoint.call in RATE_LIMITED_UNSIGNED:
                    await self._rate_limiter.admit(self._addresses.sources(peer, headers))
            data = endpoint.handle(
                self._services,
                Request(body, caller, _text(headers.get(b"idempotency-key")), parameter),
            )
            if not isinstance(data, bytes):
                data = await data
        except DomainError as error:
            row = error_response(error)
            times.of(row.code).record(perf_counter() - started)
            return _error(endpoint, error, row, headers, response_headers)
        except Exception:
            log.exception("internal error", path=endpoint.path, request_id=request_id.decode())
            times.of(INTERNAL.code).record(perf_counter() - started)
            return json_response(INTERNAL.status, response_headers, INTERNAL.body())
        response = json_response(200, response_headers, data)
        times.succeeded.record(perf_counter() - started)
        return response


def _error(
    endpoint: Endpoint,
    error: DomainError,
    row: ErrorResponse,
    request: RequestHeaders,
    headers: list[Header],
) -> Response:
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=endpoint.path, reason=str(error))
    if isinstance(error, BudgetExceeded):
        headers += error.headers
    if row.retry_after is not None:
        headers.append((b"retry-after", b"%d" % row.retry_after))
    return json_response(row.status, headers, failure_body(row, request, error))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
