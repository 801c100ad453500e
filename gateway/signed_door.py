"""The door of /v1: from an HTTP request to an endpoint and back, with the envelope and headers."""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from blacksheep import Content, Request, Response

from domain.errors import DomainError, Unavailable
from domain.weights import Call
from gateway.api.endpoint import Endpoint, Received, Services
from gateway.auth import Authenticator, AuthHeaders, Caller, OverBudget, rate_limit_headers
from gateway.client_address import ClientAddresses
from gateway.errors import INTERNAL, NOT_FOUND, WRONG_METHOD, Answer, answer_for
from gateway.metrics import count_call
from gateway.request_head import Headers, headers_of
from gateway.request_id import request_id
from gateway.unsigned_guard import UnsignedGuard

PREFIXES = ("/v1", "/api/v1")

log = structlog.get_logger()

Handler = Callable[[Request], Awaitable[Response]]
Header = tuple[bytes, bytes]


class SignedDoor:
    """Serves a table of endpoints: checks the signature, calls the endpoint, wraps its answer."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        services: Services,
        authenticator: Authenticator,
        *,
        guard: UnsignedGuard,
        addresses: ClientAddresses,
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._guard = guard
        self._addresses = addresses
        self.handlers: dict[tuple[str, str], Handler] = {}
        self._methods: dict[str, list[str]] = {}
        for endpoint in endpoints:
            handler = self._handler(endpoint)
            for prefix in PREFIXES:
                path = prefix + endpoint.path
                self.handlers[endpoint.method, path] = handler
                self._methods.setdefault(path, []).append(endpoint.method)

    async def refuse_path(self, request: Request) -> Response:
        """Answer what no route takes: 405 where another method would do, else 404."""
        return refuse_path(request, self._methods.get(request.path, ()))

    def _handler(self, endpoint: Endpoint) -> Handler:
        exact = frozenset(prefix + endpoint.path for prefix in PREFIXES)

        async def handle(request: Request) -> Response:
            if request.path not in exact:  # the router takes other cases and a slash at the end
                return await self.refuse_path(request)
            sent = headers_of(request.scope["headers"])
            headers = [(b"X-Request-Id", request_id(sent.get(b"x-request-id")))]
            try:
                response = await self._answer(endpoint, request, sent, headers)
            except DomainError as error:
                answer = answer_for(error)
                if isinstance(error, Unavailable):
                    log.warning("unavailable", path=endpoint.path, why=str(error))
                if isinstance(error, OverBudget):
                    headers += rate_limit_headers(error.budget, error.left, error.retry_after)
                response = _refusal(answer, headers)
                count_call(endpoint.call, answer.code)
            except Exception:
                log.exception("defect", path=endpoint.path, request_id=headers[0][1].decode())
                response = _refusal(INTERNAL, headers)
                count_call(endpoint.call, INTERNAL.code)
            return response

        return handle

    async def _answer(
        self, endpoint: Endpoint, request: Request, sent: Headers, headers: list[Header]
    ) -> Response:
        body = await request.read() or b""
        caller = await self._caller(endpoint, request, sent, body)
        if caller is not None:
            headers += caller.rate_limit_headers()
        received = Received(
            body=body, caller=caller, idempotency_key=_text(sent, b"idempotency-key")
        )
        answer = await endpoint.handle(self._services, received)
        count_call(endpoint.call, 0)
        return _response(200, answer, headers)

    async def _caller(
        self, endpoint: Endpoint, request: Request, sent: Headers, body: bytes
    ) -> Caller | None:
        signed_by = AuthHeaders(
            key=_text(sent, b"x-api-key"),
            sign=_text(sent, b"x-api-sign"),
            nonce=_text(sent, b"x-api-nonce"),
        )
        if signed_by.absent and not endpoint.auth_required:
            if endpoint.call is Call.PRICE:  # discovery is bytes from memory, and isn't counted
                self._guard.admit(self._address_of(request, sent))
            return None
        return await self._authenticator.authenticate(signed_by, body, endpoint.call)

    def _address_of(self, request: Request, sent: Headers) -> str:
        peer = request.scope["client"]
        forwarded = _text(sent, b"x-forwarded-for")
        if forwarded is not None:
            forwarded = forwarded.replace("\n", ",")  # a list may come in several headers
        return self._addresses.of(peer[0] if peer else "", forwarded)


def refuse_path(request: Request, allowed: Iterable[str]) -> Response:
    """Answer 405 and what is allowed at a path, or 404 where that is nothing."""
    identity = (b"X-Request-Id", request_id(request.get_first_header(b"X-Request-Id")))
    methods = ", ".join(sorted(allowed)).encode()
    if not methods:
        return _refusal(NOT_FOUND, [identity])
    return _refusal(WRONG_METHOD, [identity, (b"Allow", methods)])


def _text(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _refusal(answer: Answer, headers: list[Header]) -> Response:
    if answer.retry_after is not None:
        headers = [*headers, (b"Retry-After", str(answer.retry_after).encode())]
    return _response(answer.status, answer.body(), headers)


def _response(status: int, body: bytes, headers: list[Header]) -> Response:
    return Response(
        status, [*headers, (b"Cache-Control", b"no-store")], Content(b"application/json", body)
    )
