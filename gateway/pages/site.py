"""Serves pages and static files: conditional and compressed, under the headers pages carry."""

import asyncio

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.docs.site import ROOT, DocsSite
from cabinet_htmx.shared.assets import PREFIX, AssetMissing, Assets
from cabinet_htmx.shared.security import page_headers
from gateway.http.static import IMMUTABLE, REVALIDATED, UNBUILT, Handler, respond

log = structlog.get_logger()


def mount_docs(application: Application, *, assets: Assets, refuse_path: Handler) -> None:
    """Serve /docs and what its pages load; `refuse_path` answers for files that aren't there."""
    site = DocsSite(assets)
    headers = page_headers()

    async def docs(request: Request) -> Response:
        path = _path(request)
        if path.endswith("/") and site.has(path.rstrip("/")):
            return Response(308, [(b"Location", path.rstrip("/").encode())])
        try:
            page = site.made(path)
            if page is None:
                page = await asyncio.to_thread(site.make, path)
        except AssetMissing as missing:
            log.warning("pages can't be made", why=str(missing))
            return respond(request, 503, UNBUILT, cached=REVALIDATED, headers=headers)
        status = 200 if site.has(path) else 404
        return respond(request, status, page, cached=REVALIDATED, headers=headers)

    async def static(request: Request) -> Response:
        file = assets.by_address.get(_path(request))
        if file is None:
            return await refuse_path(request)
        return respond(request, 200, file, cached=IMMUTABLE, headers=headers)

    for path, handler in ((ROOT, docs), (f"{ROOT}/*", docs), (f"{PREFIX}*", static)):
        application.router.add_get(path, handler)
        application.router.add_head(path, handler)


def _path(request: Request) -> str:
    return request.url.path.decode("utf-8", "replace")
