"""The front of the application: sound and complete requests go in, and whatever happens is told."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from blacksheep.url import InvalidURL

from gateway.api.dispatcher import Dispatcher, Response
from gateway.errors import INTERNAL, NOT_FOUND, ErrorResponse
from gateway.http.body import BodyReader, Message, Receive, replay
from gateway.http.head import Headers, RejectedRequest, body_length, check_target, headers_of
from gateway.http.request_id import request_id
from gateway.pages.rate_feeds import METHODS, PATHS, RateFeeds

Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

START: Final = "http.response.start"
BODY: Final = "http.response.body"

log = structlog.get_logger()


class AsgiMiddleware:
    """An ASGI application before another one, for what neither Granian nor BlackSheep looks after.

    What it refuses is answered in the envelope, and the connection closed.
    """

    def __init__(
        self,
        application: Application,
        *,
        door: Dispatcher | None,
        feeds: RateFeeds | None,
        body_deadline_seconds: float,
    ) -> None:
        """Serve what `door` and `feeds` have, if they are given, without the application."""
        self._application = application
        self._door = door
        self._direct = {
            (method, path.encode()): endpoint
            for (method, path), endpoint in (door.endpoints.items() if door else ())
        }
        self._feeds = feeds
        self._fed = {(method, path.encode()): path for path in PATHS for method in METHODS}
        self._bodies = BodyReader(body_deadline_seconds)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = headers_of(scope["headers"])
        try:
            length = body_length(scope, headers)
            asked = scope["method"], scope["raw_path"]
            endpoint = self._direct.get(asked)
            if endpoint is not None and self._door is not None:
                body = await self._bodies.read(length, receive)
                peer = scope["client"]
                status, answered, body = await self._door.serve(
                    endpoint, headers, body, peer=peer[0] if peer else ""
                )
                # As _send does, but a call less.
                await send({"type": START, "status": status, "headers": answered})
                await send({"type": BODY, "body": body, "more_body": False})
            elif self._feeds is not None and asked in self._fed:
                await self._bodies.read(length, receive)
                await _send(await self._feeds.answer(self._fed[asked], headers), send)
            else:
                check_target(scope)
                body = await self._bodies.read(length, receive)
                await self._application(scope, replay(body, receive), send)
        except RejectedRequest as refused:
            await _refuse(refused.answer, headers, send)
        except InvalidURL:
            await _refuse(NOT_FOUND, headers, send)
        except Exception:
            identity = _identity(headers)
            log.exception("defect", path=scope["path"], request_id=identity.decode())
            await _refuse(INTERNAL, headers, send, identity=identity)


async def _send(served: Response, send: Send) -> None:
    status, headers, body = served
    await send({"type": START, "status": status, "headers": headers})
    await send({"type": BODY, "body": body, "more_body": False})


def _identity(headers: Headers) -> bytes:
    return request_id(headers.get(b"x-request-id"))


async def _refuse(
    answer: ErrorResponse, headers: Headers, send: Send, *, identity: bytes | None = None
) -> None:
    body = answer.body()
    answer_headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", identity or _identity(headers)),
        (b"connection", b"close"),
    ]
    await _send(Response(answer.status, answer_headers, body), send)
