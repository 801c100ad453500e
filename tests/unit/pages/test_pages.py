"""Pages without the files that are installed by npm."""

from pathlib import Path

from blacksheep import Application, Request, Response

from cabinet_htmx.shared.assets import Assets
from gateway.pages.docs import mount_docs


async def not_found(_: Request) -> Response:
    return Response(404)


async def test_pages_without_the_npm_files_explain_how_to_install_them(tmp_path: Path) -> None:
    application = Application()
    mount_docs(application, assets=Assets(tmp_path), not_found=not_found)
    await application.start()  # type: ignore[no-untyped-call]  # BlackSheep leaves it untyped
    response = await application.handle(Request("GET", b"/docs", []))
    assert response.status == 503
    assert await response.text() == "These pages haven't been built: run `make assets`.\n"
    assert (await application.handle(Request("GET", b"/static/site.css", []))).status == 404
