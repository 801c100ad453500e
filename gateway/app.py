"""The HTTP application of one worker: all routes on BlackSheep, behind the body guard."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import orjson
from blacksheep import Application, Content, Request, Response

from gateway.api import ENDPOINTS
from gateway.api.endpoint import Services
from gateway.auth import Authenticator
from gateway.body_guard import BodyGuard
from gateway.client_address import ClientAddresses
from gateway.metrics import exposition
from gateway.pages import mount_docs
from gateway.signed_door import SignedDoor
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


def build(gateway: Gateway, *, body_deadline_seconds: float, metrics: bool) -> BodyGuard:
    """Return the ASGI application; `metrics` serves /metrics beside everything else."""
    application = Application(show_error_details=False)
    door = SignedDoor(
        ENDPOINTS,
        gateway.services,
        gateway.authenticator,
        guard=gateway.guard,
        addresses=gateway.addresses,
    )
    for (method, path), handler in door.handlers.items():
        application.router.add(method, path, handler)
    application.router.add_get("/healthz", _healthz)
    application.router.add_get("/readyz", _readyz(gateway))
    if metrics:
        application.router.add_get("/metrics", _metrics)
    mount_docs(application, refuse_path=door.refuse_path)
    application.router.fallback = door.refuse_path

    async def start(_: Application) -> None:
        await gateway.start()

    async def stop(_: Application) -> None:
        await gateway.stop()

    application.on_start += start
    application.on_stop += stop
    return BodyGuard(application, deadline_seconds=body_deadline_seconds)


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
