"""The HTTP application of one worker: all routes on BlackSheep, behind the front."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import orjson
from blacksheep import Application, Content, Request, Response, Router
from blacksheep.exceptions import HTTPException

from cabinet_htmx.assets import Assets
from gateway.api import ENDPOINTS
from gateway.api.endpoint import Endpoint, Services
from gateway.auth import Authenticator
from gateway.client_address import ClientAddresses
from gateway.front import Front
from gateway.metrics import exposition
from gateway.openapi.route import mount_openapi
from gateway.pages import mount_docs
from gateway.signed_door import PREFIXES, Handler, SignedDoor, refuse_path
from gateway.unsigned_guard import UnsignedGuard


class Gateway(Protocol):
    """What the application is built on."""

    services: Services
    authenticator: Authenticator
    guard: UnsignedGuard
    addresses: ClientAddresses

    async def start(self) -> None:
        """Begin to follow rates and changes."""

    async def stop(self) -> None:
        """End all background work and close connections."""

    async def readiness(self) -> dict[str, bool]:
        """Return what readiness depends on, by name."""


def build(
    gateway: Gateway,
    *,
    body_deadline_seconds: float,
    metrics: bool,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
) -> Front:
    """Return the ASGI application; `metrics` serves /metrics beside everything else."""
    application = _Application(router=Router(), show_error_details=False)
    door = SignedDoor(
        endpoints,
        gateway.services,
        gateway.authenticator,
        guard=gateway.guard,
        addresses=gateway.addresses,
    )
    for (method, path), handler in door.handlers.items():
        application.router.add(method, path, handler)
    documents = {"/healthz": _healthz, "/readyz": _readyz(gateway)}
    if metrics:
        documents["/metrics"] = _metrics
    for path, document in documents.items():
        application.router.add_get(path, document)
        application.router.add_head(path, document)
    mount_openapi(application)
    mount_docs(application, assets=Assets(), refuse_path=door.refuse_path)
    application.router.fallback = _refusing(application.router, door)

    async def start(_: Application) -> None:
        await gateway.start()

    async def stop(_: Application) -> None:
        await gateway.stop()

    application.on_start += start
    application.on_stop += stop
    return Front(application, body_deadline_seconds=body_deadline_seconds)


class _Application(Application):
    """BlackSheep, which leaves defects to who is in front of it, and so to one log and answer."""

    async def handle_request_handler_exception(self, request: Request, exc: Exception) -> Response:
        """Answer what was raised to be an answer; raise anything else again."""
        if isinstance(exc, HTTPException):
            return await super().handle_request_handler_exception(request, exc)
        raise exc


def _refusing(router: Router, door: SignedDoor) -> Handler:
    """Return what answers requests that no route takes."""

    async def refuse(request: Request) -> Response:
        path = request.path
        if path.lower().startswith(PREFIXES):  # where the router takes more than the door does
            return await door.refuse_path(request)
        return refuse_path(
            request,
            {
                method.decode()
                for method, routes in router.routes.items()
                if any(route.match_by_path(path.encode()) for route in routes)
            },
        )

    return refuse


async def _healthz(_: Request) -> Response:
    return _json(200, {"ok": True})


def _readyz(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        checks = await gateway.readiness()
        ready = all(checks.values())
        return _json(200 if ready else 503, {"ok": ready, "checks": checks})

    return readyz


async def _metrics(_: Request) -> Response:
    return Response(200, None, Content(b"text/plain; version=0.0.4; charset=utf-8", exposition()))


def _json(status: int, document: object) -> Response:
    headers = [(b"Cache-Control", b"no-store")]
    return Response(status, headers, Content(b"application/json", orjson.dumps(document)))
