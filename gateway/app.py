"""The HTTP application of one worker: all routes on BlackSheep, behind the front."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import orjson
from blacksheep import Application, Content, Request, Response, Router
from blacksheep.exceptions import HTTPException

from cabinet_htmx.partner.site import PartnerSite
from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.brand import Brand
from cabinet_htmx.swap.site import SwapSite
from gateway.api.authentication import Authenticator
from gateway.api.blacksheep import missing, mount_endpoints, mount_feeds, not_found_handler
from gateway.api.dispatcher import Dispatcher
from gateway.api.endpoint import Endpoint, Services
from gateway.api.endpoints import ENDPOINTS
from gateway.asgi import AsgiMiddleware
from gateway.cabinet import mount_cabinet
from gateway.cabinet.context import CabinetPorts
from gateway.http.client_address import ClientAddresses
from gateway.http.rate_limiter import RateLimiter
from gateway.openapi.route import mount_openapi
from gateway.pages import mount_public_pages
from gateway.pages.rate_feeds import RateFeeds
from gateway.pages.request import PublicContext
from gateway.pages.site import mount_docs
from gateway.runtime.metrics import exposition


class Gateway(Protocol):
    """What the application is built on."""

    services: Services
    authenticator: Authenticator
    guard: RateLimiter
    addresses: ClientAddresses
    entrance: PublicContext
    cabinet: CabinetPorts
    brand: Brand
    feeds: RateFeeds

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
    direct: bool = True,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
) -> AsgiMiddleware:
    """Return the ASGI application; `metrics` serves /metrics beside everything else.

    With `direct` the front calls the door of /v1 by itself, which spares a third of a call's time,
    and serves the rate feeds; both are on BlackSheep too, and without it they are served there.
    """
    application = _Application(router=Router(), show_error_details=False)
    door = Dispatcher(
        endpoints,
        gateway.services,
        gateway.authenticator,
        guard=gateway.guard,
        addresses=gateway.addresses,
    )
    mount_endpoints(application, door)
    documents = {"/healthz": _healthz, "/readyz": _readyz(gateway)}
    if metrics:
        documents["/metrics"] = _metrics
    for path, document in documents.items():
        application.router.add_get(path, document)
        application.router.add_head(path, document)
    mount_feeds(application, gateway.feeds)
    mount_openapi(application)
    assets = Assets()
    mount_docs(application, assets=assets, refuse_path=missing)
    mount_public_pages(
        application, gateway.entrance, SwapSite(assets, gateway.brand), refuse_path=missing
    )
    mount_cabinet(application, gateway.cabinet, PartnerSite(assets, gateway.brand))
    application.router.fallback = not_found_handler(application.router, door)

    async def start(_: Application) -> None:
        await gateway.start()

    async def stop(_: Application) -> None:
        await gateway.stop()

    application.on_start += start
    application.on_stop += stop
    return AsgiMiddleware(
        application,
        door=door if direct else None,
        feeds=gateway.feeds if direct else None,
        body_deadline_seconds=body_deadline_seconds,
    )


class _Application(Application):
    """BlackSheep, which leaves defects to who is in front of it, and so to one log and answer."""

    async def handle_request_handler_exception(self, request: Request, exc: Exception) -> Response:
        """Answer what was raised to be an answer; raise anything else again."""
        if isinstance(exc, HTTPException):
            return await super().handle_request_handler_exception(request, exc)
        raise exc


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
