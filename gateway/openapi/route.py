"""Serves the OpenAPI document, which each worker generates once."""

from collections.abc import Sequence

from blacksheep import Application, Request, Response

from cabinet_htmx.shared.document import Document
from gateway.api.endpoint import Endpoint
from gateway.http.blacksheep import headers_of, to_blacksheep
from gateway.http.static import REVALIDATE, negotiated
from gateway.openapi.document import document

PATH = "/openapi.json"


def mount_openapi(
    application: Application, endpoints: Sequence[Endpoint], *, origin: str | None
) -> None:
    """Serve /openapi.json, with the addresses of the API under the installation's `origin`."""
    served = Document("application/json", document(endpoints, origin=origin))
    negotiable = negotiated(served, REVALIDATE)

    async def openapi(request: Request) -> Response:
        return to_blacksheep(negotiable.respond(headers_of(request)))

    application.router.add_get(PATH, openapi)
    application.router.add_head(PATH, openapi)
