"""The door on BlackSheep: each endpoint as a handler, and answers to what no route takes."""

from collections.abc import Awaitable, Callable, Iterable

from blacksheep import Application, Content, Request, Router
from blacksheep import Response as BlackSheepResponse

from gateway.api.dispatcher import PARAMETER, PREFIXES, Dispatcher, Response, refuse_path
from gateway.api.endpoint import Endpoint
from gateway.http.head import headers_of
from gateway.pages.rate_feeds import METHODS, PATHS, RateFeeds

Handler = Callable[[Request], Awaitable[BlackSheepResponse]]


def mount_endpoints(application: Application, door: Dispatcher) -> None:
    """Serve every endpoint of the door."""
    for (method, path), endpoint in door.endpoints.items():
        application.router.add(method, path, _handler(door, endpoint, path))


def mount_feeds(application: Application, feeds: RateFeeds) -> None:
    """Serve the rate feeds."""
    for path in PATHS:
        for method in METHODS:
            application.router.add(method, path, _feed(feeds, path))


def not_found_handler(router: Router, door: Dispatcher) -> Handler:
    """Return what answers requests that no route takes: 404, or 405 with what would do."""

    async def refuse(request: Request) -> BlackSheepResponse:
        path, sent = request.path, headers_of(request.scope["headers"])
        if path.lower().startswith(PREFIXES):  # where the router takes more than the door does
            return _response(door.refuse_path(path, sent))
        return _response(refuse_path(_methods_at(router, path), sent))

    return refuse


async def missing(request: Request) -> BlackSheepResponse:
    """Answer 404 for a path that a route takes, but that nothing is at."""
    return _response(refuse_path((), headers_of(request.scope["headers"])))


def _handler(door: Dispatcher, endpoint: Endpoint, path: str) -> Handler:
    async def handle(request: Request) -> BlackSheepResponse:
        sent = headers_of(request.scope["headers"])
        parent, _, tail = request.path.rpartition("/")
        given = tail if path.endswith(PARAMETER) else None
        taken = request.path if given is None else f"{parent}/{PARAMETER}"
        if taken != path:  # the router takes other cases and a slash at the end
            return _response(door.refuse_path(request.path, sent))
        body = await request.read() or b""
        peer = request.scope["client"]
        answer = await door.serve(endpoint, sent, body, peer=peer[0] if peer else "", tail=given)
        return _response(answer)

    return handle


def _feed(feeds: RateFeeds, path: str) -> Handler:
    async def handle(request: Request) -> BlackSheepResponse:
        sent = headers_of(request.scope["headers"])
        if request.path != path:
            return _response(refuse_path((), sent))
        return _response(await feeds.answer(path, sent))

    return handle


def _methods_at(router: Router, path: str) -> Iterable[str]:
    return {
        method.decode()
        for method, routes in router.routes.items()
        if any(route.match_by_path(path.encode()) for route in routes)
    }


def _response(served: Response) -> BlackSheepResponse:
    """Return the answer as BlackSheep sends it: it writes type and length by itself."""
    headers = [
        header for header in served.headers if header[0] not in (b"content-type", b"content-length")
    ]
    content_type = dict(served.headers).get(b"content-type")
    content = Content(content_type, served.body) if content_type else None
    return BlackSheepResponse(served.status, headers, content)
