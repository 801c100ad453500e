"""The documentation pages: each is rendered and compressed once, on its first request."""

import asyncio

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.docs.site import ROOT, DocsSite
from cabinet_htmx.shared.assets import PREFIX, AssetMissing, Assets
from cabinet_htmx.shared.security import page_headers
from gateway.http.blacksheep import Handler, headers_of, to_blacksheep
from gateway.http.negotiation import NegotiatedDocument
from gateway.http.static import REVALIDATE, assets_missing, encoded, negotiated, static_files

log = structlog.get_logger()


class DocsPages:
    """The pages below /docs, cached in all content encodings."""

    def __init__(self, site: DocsSite) -> None:
        self._site = site
        self._headers = encoded(page_headers())
        self._documents: dict[str | None, NegotiatedDocument] = {}
        self._rendering = asyncio.Lock()

    async def show(self, request: Request) -> Response:
        """Return a page, a redirect that removes a trailing slash, or the 404 page."""
        path = request.path
        if path.endswith("/") and self._site.has(path.rstrip("/")):
            return Response(308, [(b"Location", path.rstrip("/").encode())])
        try:
            document = await self._document(path)
        except AssetMissing as error:
            log.warning("page cannot be rendered", reason=str(error))
            return assets_missing(request)
        return to_blacksheep(document.respond(headers_of(request)))

    async def _document(self, path: str) -> NegotiatedDocument:
        key = path if self._site.has(path) else None
        if key not in self._documents:
            async with self._rendering:
                if key not in self._documents:
                    self._documents[key] = await asyncio.to_thread(self._render, path)
        return self._documents[key]

    def _render(self, path: str) -> NegotiatedDocument:
        status = 200 if self._site.has(path) else 404
        page = self._site.render(path)
        return negotiated(page, REVALIDATE, status=status, headers=self._headers)


def mount_docs(application: Application, *, assets: Assets, not_found: Handler) -> None:
    """Register /docs and the static files; `not_found` handles a file that does not exist."""
    pages = DocsPages(DocsSite(assets))

    async def show(request: Request) -> Response:  # BlackSheep does not register methods
        return await pages.show(request)

    static = static_files(assets.by_address, not_found=not_found)
    for path, handler in ((ROOT, show), (f"{ROOT}/*", show), (f"{PREFIX}*", static)):
        application.router.add_get(path, handler)
        application.router.add_head(path, handler)
