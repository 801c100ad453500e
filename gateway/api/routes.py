"""The endpoints as BlackSheep routes, and the response where no route matches."""

from collections.abc import Collection
from typing import Final

from blacksheep import Application, Request, Response, Router

from domain.partners.signature import signed_target
from gateway.api.cors import is_preflight, preflight_response
from gateway.api.dispatcher import PARAMETER, PREFIXES, Dispatcher
from gateway.api.endpoint import Endpoint
from gateway.http.blacksheep import Handler, headers_of, to_blacksheep
from gateway.http.client_address import peer_of
from gateway.http.json_response import route_not_found

OPTIONS: Final = "OPTIONS"


def mount_endpoints(application: Application, dispatcher: Dispatcher) -> None:
    """Register every endpoint of the dispatcher."""
    for (method, path), endpoint in dispatcher.endpoints.items():
        application.router.add(method, path, _handler(dispatcher, endpoint, path))
        if endpoint.any_origin:
            application.router.add(OPTIONS, path, _preflight(dispatcher, endpoint, path))


def fallback(router: Router, dispatcher: Dispatcher) -> Handler:
    """Return the handler of requests that no route matches: 405 with `Allow`, or 404."""

    async def handle(request: Request) -> Response:
        path, headers = request.path, headers_of(request)
        if path.lower().startswith(PREFIXES):  # the router ignores case, the contract does not
            return to_blacksheep(dispatcher.route_not_found(path, headers))
        return to_blacksheep(route_not_found(methods_at(router, path.encode()), headers))

    return handle


def _preflight(dispatcher: Dispatcher, endpoint: Endpoint, path: str) -> Handler:
    async def handle(request: Request) -> Response:
        headers = headers_of(request)
        if is_preflight(headers) and _matched(request.path, path) == path:
            return to_blacksheep(preflight_response(endpoint.method, headers))
        return to_blacksheep(dispatcher.route_not_found(request.path, headers))

    return handle


async def not_found(request: Request) -> Response:
    """Respond with 404: the path matches a route, but there is nothing at it."""
    return to_blacksheep(route_not_found((), headers_of(request)))


def _handler(dispatcher: Dispatcher, endpoint: Endpoint, path: str) -> Handler:
    async def handle(request: Request) -> Response:
        headers = headers_of(request)
        if _matched(request.path, path) != path:  # the router also matches other cases, a final /
            return to_blacksheep(dispatcher.route_not_found(request.path, headers))
        parameter = request.path.rpartition("/")[2] if path.endswith(PARAMETER) else None
        body = await request.read() or b""
        response = await dispatcher.serve(
            endpoint,
            headers,
            body,
            peer=peer_of(request.scope),
            target=signed_target(request.method.encode(), request.scope["raw_path"]),
            parameter=parameter,
        )
        return to_blacksheep(response)

    return handle


def _matched(requested: str, path: str) -> str:
    """Return the requested path with the parameter that `path` has."""
    return f"{requested.rpartition('/')[0]}/{PARAMETER}" if path.endswith(PARAMETER) else requested


def methods_at(router: Router, path: bytes) -> Collection[str]:
    """Return the methods of the routes that match a path."""
    return {
        method.decode()
        for method, routes in router.routes.items()
        if any(route.match_by_path(path) for route in routes)
    }
