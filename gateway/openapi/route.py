"""Serves the document: made once a worker, with an entity tag."""

from blacksheep import Application, Request, Response

from cabinet_htmx.shared.representation import Representation
from gateway.http.static import REVALIDATED, respond
from gateway.openapi.document import document

PATH = "/openapi.json"


def mount_openapi(application: Application) -> None:
    """Serve /openapi.json."""
    made = Representation.of(document(), "application/json")

    async def openapi(request: Request) -> Response:
        return respond(request, 200, made, cached=REVALIDATED, headers={})

    application.router.add_get(PATH, openapi)
    application.router.add_head(PATH, openapi)
