"""The ASGI application: checks framing, reads bodies, and turns every failure into a response."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from blacksheep.url import InvalidURL

from gateway.errors import INTERNAL, NOT_FOUND, ErrorResponse
from gateway.http.body import BodyReader, Message, Receive, replay
from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.closing import CLOSE, START, Send
from gateway.http.connections.limits import Peer
from gateway.http.connections.pieces import WHOLE_BYTES, pieces_of
from gateway.http.direct import DirectHandlers
from gateway.http.head import RejectedRequest, body_length, check_target
from gateway.http.json_response import envelope_headers, failure_body, json_response
from gateway.http.message import RequestHeaders, Response, request_headers
from gateway.http.request_id import request_id_of

Application = Callable[[Any, Receive, Send], Awaitable[None]]

BODY: Final = "http.response.body"

log = structlog.get_logger()


class AsgiMiddleware:
    """An ASGI application around the web framework's, for what it and Granian do not check.

    A request that is rejected here gets an error in the JSON envelope, and its connection is
    closed.
    """

    def __init__(
        self,
        application: Application,
        handlers: DirectHandlers,
        *,
        body_deadline_seconds: float,
        connections: ClientConnections,
    ) -> None:
        """Call `handlers` for their methods and paths, and `application` for all others.

        `connections` is kept informed of requests in progress, and tells which are rejected.
        """
        self.application = application
        self._handlers = handlers
        self._in_progress = connections.in_progress
        self._over_limit = connections.over_limit
        self._checked = connections.checked
        self._large = connections.large
        self._sending = self._large.sending
        self._bodies = BodyReader(body_deadline_seconds)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection event."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = request_headers(scope["headers"])
        client = scope["client"]
        self._in_progress.add(client)
        try:
            if self._over_limit:
                send = self._checked(client, send)
            length = body_length(scope, headers)
            handler = self._handlers.get((scope["method"], scope["raw_path"]))
            if handler is None or scope["query_string"]:  # which direct handlers do not know
                check_target(scope)
                body = await self._bodies.read(length, receive)
                await self.application(scope, replay(body, receive), self._recorded(client, send))
            else:
                body = await self._bodies.read(length, receive)
                status, response_headers, content = await handler(
                    headers, body, peer=client[0] if client else ""
                )
                # The same as `_send`, without its call: this path serves every signed request.
                await send({"type": START, "status": status, "headers": response_headers})
                if len(content) > WHOLE_BYTES:
                    unsent = len(content)
                    for piece in pieces_of(content):
                        unsent -= len(piece)
                        await send({"type": BODY, "body": piece, "more_body": unsent > 0})
                        self._large.record_piece(client)
                else:
                    await send({"type": BODY, "body": content, "more_body": False})
        except RejectedRequest as error:
            await _send_error(error.response, headers, send)
        except InvalidURL:
            await _send_error(NOT_FOUND, headers, send)
        except Exception:
            request_id = request_id_of(headers)
            log.exception("internal error", path=scope["path"], request_id=request_id.decode())
            await _send_error(INTERNAL, headers, send)
        finally:
            self._in_progress.discard(client)
            if self._sending:
                self._large.end(client)

    def _recorded(self, client: Peer, send: Send) -> Send:
        """Return a `send` that records responses which are sent in pieces."""

        async def recorded(message: Message) -> None:
            await send(message)
            if message.get("more_body"):
                self._large.record_piece(client)

        return recorded


async def _send_error(error: ErrorResponse, request: RequestHeaders, send: Send) -> None:
    headers = [*envelope_headers(request_id_of(request)), CLOSE]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    body = failure_body(error, request)
    await _send(json_response(error.status, headers, body), send)


async def _send(response: Response, send: Send) -> None:
    await send({"type": START, "status": response.status, "headers": response.headers})
    await send({"type": BODY, "body": response.body, "more_body": False})
