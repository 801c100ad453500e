"""The routes of rate feeds and of their schemas."""

from typing import Final

from blacksheep import Application, Request
from blacksheep import Response as BlackSheepResponse

from cabinet_htmx.docs.site import DOCS
from cabinet_htmx.shared.document import Document
from domain.errors import DomainError
from gateway.errors import error_response
from gateway.http.blacksheep import Handler, headers_of, to_blacksheep
from gateway.http.direct import DirectHandler, DirectHandlers
from gateway.http.forms import query_of
from gateway.http.json_response import envelope_headers, json_response, route_not_found
from gateway.http.message import RequestHeaders, Response
from gateway.http.negotiation import NegotiatedDocument
from gateway.http.request_id import request_id_of
from gateway.http.static import REVALIDATE, negotiated
from gateway.pages.code_feeds import CodeFeeds
from gateway.pages.rate_feeds import BY_PATH, Feed, RateFeeds
from gateway.pages.request import PublicContext

CODE: Final = "code"
SCHEMAS: Final = "/rates/schemas/"
METHODS: Final = ("GET", "HEAD")


def direct_feeds(feeds: RateFeeds) -> DirectHandlers:
    """Return the handler of each feed that the ASGI application calls without BlackSheep."""

    def handler(feed: Feed) -> DirectHandler:
        async def handle(headers: RequestHeaders, _body: bytes, *, peer: str) -> Response:  # noqa: ARG001
            return await feeds.respond(feed, headers)

        return handle

    return {
        (method, path.encode()): handler(feed)
        for path, feed in BY_PATH.items()
        for method in METHODS
    }


def mount_feeds(
    application: Application, feeds: RateFeeds, code_feeds: CodeFeeds, context: PublicContext
) -> None:
    """Register the feeds, also those of codes, and their schemas as BlackSheep routes."""

    def handler(path: str, feed: Feed) -> Handler:
        async def handle(request: Request) -> BlackSheepResponse:
            headers = headers_of(request)
            if request.path != path:  # the router ignores case and a trailing slash
                return to_blacksheep(route_not_found((), headers))
            code = query_of(request).get(CODE)
            if code is None:
                return to_blacksheep(await feeds.respond(feed, headers))
            try:
                response = await code_feeds.respond(
                    code,
                    feed,
                    headers,
                    source=context.addresses.of_scope(request.scope),
                    admit=lambda: context.admit_view(request),
                )
            except DomainError as error:
                response = _failure(error, headers)
            return to_blacksheep(response)

        return handle

    for path, feed in BY_PATH.items():
        for method in METHODS:
            application.router.add(method, path, handler(path, feed))
    _mount_schemas(application)


def _failure(error: DomainError, headers: RequestHeaders) -> Response:
    failure = error_response(error)
    response_headers = envelope_headers(request_id_of(headers))
    if failure.retry_after is not None:
        response_headers.append((b"retry-after", b"%d" % failure.retry_after))
    return json_response(failure.status, response_headers, failure.body())


def _mount_schemas(application: Application) -> None:
    for file in sorted((DOCS / "schemas").glob("*.xsd")):
        document = Document("application/xml; charset=utf-8", file.read_bytes())
        negotiable = negotiated(document, REVALIDATE)

        for method in METHODS:
            application.router.add(method, f"{SCHEMAS}{file.name}", _schema(negotiable))


def _schema(document: NegotiatedDocument) -> Handler:
    async def handle(request: Request) -> BlackSheepResponse:
        return to_blacksheep(document.respond(headers_of(request)))

    return handle
