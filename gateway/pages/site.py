"""Serves pages and static files: conditional and compressed, under the headers pages carry."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from blacksheep import Application, Content, Request, Response

from cabinet_htmx.docs.site import ROOT, DocsSite
from cabinet_htmx.shared.assets import PREFIX, AssetMissing, Assets
from cabinet_htmx.shared.representation import Representation
from cabinet_htmx.shared.security import page_headers

Handler = Callable[[Request], Awaitable[Response]]

FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

log = structlog.get_logger()

UNMADE = Representation.of(b"These pages haven't been built: run `make assets`.\n", "text/plain")


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
            return respond(request, 503, UNMADE, cached=REVALIDATED, headers=headers)
        status = 200 if site.has(path) else 404
        return respond(request, status, page, cached=REVALIDATED, headers=headers)

    async def static(request: Request) -> Response:
        file = assets.by_address.get(_path(request))
        if file is None:
            return await refuse_path(request)
        return respond(request, 200, file, cached=FOR_EVER, headers=headers)

    for path, handler in ((ROOT, docs), (f"{ROOT}/*", docs), (f"{PREFIX}*", static)):
        application.router.add_get(path, handler)
        application.router.add_head(path, handler)


def respond(
    request: Request, status: int, shown: Representation, *, cached: str, headers: dict[str, str]
) -> Response:
    """Answer with what fits the request: compressed or not, or 304 where the client has it."""
    gzipped = _takes_gzip(request)
    etag = shown.etag(gzipped=gzipped)
    every = {**headers, "Cache-Control": cached, "ETag": etag, "Vary": "Accept-Encoding"}
    if status == 200 and _has(request, etag):
        return Response(304, _encoded(every))
    if gzipped:
        every["Content-Encoding"] = "gzip"
    body = shown.gzipped if gzipped else shown.plain
    return Response(status, _encoded(every), Content(shown.content_type.encode(), body))


def _path(request: Request) -> str:
    return request.url.path.decode("utf-8", "replace")


def _takes_gzip(request: Request) -> bool:
    accepted = (request.get_first_header(b"Accept-Encoding") or b"").replace(b" ", b"")
    return any(
        coding == b"gzip" or (coding.startswith(b"gzip;q=") and _isnt_zero(coding[7:]))
        for coding in accepted.lower().split(b",")
    )


def _isnt_zero(weight: bytes) -> bool:
    """Tell whether a quality value isn't zero."""
    return weight.strip(b"0.") != b""


def _has(request: Request, etag: str) -> bool:
    """Tell whether `If-None-Match` names this tag (RFC 9110, 13.1.2: weak comparison)."""
    given = (request.get_first_header(b"If-None-Match") or b"").decode("latin-1")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return "*" in tags or etag in tags


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
